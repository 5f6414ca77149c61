import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfiqa.databases.manifest import read_manifest, write_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.training_data import load_training_data

PADDED = ["data.train_resize=pad:64:white", "validation.resize=pad:64:white", "data.crop=64"]
SKIP = "data.on_bad_picture=skip"


def test_copies_of_a_file_in_several_splits_are_counted(photo_folder, tmp_path):
    for place in range(3):
        shutil.copy(photo_folder / f"photo {2 * place}.png", tmp_path / f"{place}.png")
        shutil.copy(photo_folder / f"photo {2 * place}.png", tmp_path / f"copy {place}.png")
    images = [f"{copy}{place}.png" for copy in ("", "copy ") for place in range(3)]
    splits = ["train", "train", "train", "train", "test", "validation"]
    pd.DataFrame({"image": images, "score": range(6), "split": splits}).to_csv(tmp_path / "m.csv", index=False)
    data = load_training_data(read_recipe("quickstart", ["data.crop=64"]), [tmp_path / "m.csv"])
    assert data.copies_across_splits() == 2


def load(folder, sizes, overrides=(), recipe="paq2piq_roipool", **columns):
    """The data of pictures of these heights and widths, all but the last, which is validated, to train on; None is no
    picture."""
    for place, size in enumerate(sizes):
        Image.fromarray(np.full((*(size or (9, 9)), 3), place, np.uint8)).save(folder / f"{place}.png")
        if size is None:
            (folder / f"{place}.png").write_bytes(b"no picture")
    count = len(sizes)
    table = pd.DataFrame({"image": [f"{place}.png" for place in range(count)], "score": range(count)})
    table = table.assign(split=["train"] * (count - 1) + ["validation"], boxes="[[0, 0, 20, 20]]", box_scores="[1]")
    table.assign(**columns).to_csv(folder / "m.csv", index=False)
    return load_training_data(read_recipe(recipe, [*PADDED, *overrides]), [folder / "m.csv"])


def test_a_bad_picture_hides_neither_large_ones_nor_boxes(tmp_path):
    boxes = [json.dumps([[0, 0, right, 20]]) for right in (20, 20, 20, 60, 20)]
    data = load(tmp_path, [(40, 50), None, (80, 50), (40, 50), (40, 50)], [SKIP], boxes=boxes)
    assert data.counts() == {"train": 1, "validation": 1, "test": 1}
    assert data.moved == 1
    assert data.skipped["image"].tolist() == ["1.png", "3.png"]
    assert data.skipped["error"][1].endswith("3.png: a box is not within its 50x40 pixels")


def test_the_group_of_a_large_picture_goes_with_it(tmp_path):
    data = load(tmp_path, [(40, 50), (80, 50), (40, 50), (40, 50)], group=["a", "b", "b", "c"])
    assert data.manifest.table["split"].tolist() == ["train", "test", "test", "validation"]
    assert data.moved == 2
    write_manifest(data.manifest, tmp_path / "run.csv")
    assert len(read_manifest(tmp_path / "run.csv")) == 4


def test_large_pictures_alone_are_nothing_to_train_on(tmp_path):
    with pytest.raises(ManifestError, match="train on; 2 are test pictures for being larger than pad:64:white takes"):
        load(tmp_path, [(80, 50), (50, 65)])


@pytest.mark.parametrize(
    ("overrides", "bad"),
    [
        (["validation.resize=pad:48:white"], "3.png"),
        (["validation.resize=null", "data.resize=pad:48:white"], "3.png"),
        (["validation.resize=native"], None),
    ],
)
def test_sizes_that_validation_does_not_take_are_told_before_training(tmp_path, overrides, bad):
    sizes = [(40, 50), (40, 50), (60, 40), (60, 60)]
    if bad is None:
        assert load(tmp_path, sizes, overrides).counts()["validation"] == 1
        return
    with pytest.raises(InvalidInput, match=rf"1 of 4 pictures .*{bad}: resize policy 'pad:48:white' takes pictures of"):
        load(tmp_path, sizes, overrides)


def test_held_out_pictures_too_small_for_a_patch_are_told_before_training(tmp_path):
    """Whatever training makes of their size."""
    settings = [SKIP, "validation.resize=native", "model.options.scenes=false", "loss.name=l1"]
    data = load(
        tmp_path,
        [(40, 50), (40, 50), (64, 63), (64, 63)],
        settings,
        "dcnns",
        split=["train", "train", "test", "validation"],
    )
    assert data.skipped["image"].tolist() == ["2.png", "3.png"]
    assert data.skipped["error"].str.endswith("a side of 63 pixels; patches of 64 pixels take sides from 64").all()
