import pandas as pd
import pytest

from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
from tfiqa.databases.official_splits import official_split
from tfiqa.errors import InvalidInput, ManifestError


def manifest(sides, groups=None):
    table = pd.DataFrame({"image": [f"{place}.jpg" for place in range(len(sides))], "official_split": sides})
    return Manifest(table if groups is None else table.assign(group=groups), None, UNKNOWN_SCALE)


def test_the_official_split_is_taken_as_it_is():
    split, dropped = official_split(manifest(["train", "test", "validation"]))
    assert split.table["split"].tolist() == ["train", "test", "validation"]
    assert dropped == 0


def test_groups_on_two_sides_are_an_error_or_leave_the_training_side():
    torn = manifest(["train", "test", "train", "validation", "train"], ["a", "a", "b", "b", "c"])
    with pytest.raises(ManifestError, match="2 groups straddle the official split; --drop-straddling"):
        official_split(torn)
    split, dropped = official_split(torn, drop_straddling=True)
    assert split.table[["image", "split"]].to_numpy().tolist() == [
        ["1.jpg", "test"],
        ["3.jpg", "validation"],
        ["4.jpg", "train"],
    ]
    assert dropped == 2


def test_rows_of_one_reference_straddle_whatever_their_groups():
    torn = manifest(["train", "test"], ["a", "b"])
    torn.table["reference"] = ["r.png", "./r.png"]
    with pytest.raises(ManifestError, match="1 groups straddle"):
        official_split(torn)
    assert official_split(torn, drop_straddling=True)[0].table["image"].tolist() == ["1.jpg"]


def test_validation_is_drawn_from_the_training_pictures_by_group():
    rows = manifest(["train"] * 40 + ["test"] * 10, [f"g{place // 2}" for place in range(50)])
    split, _ = official_split(rows, validation=0.25, seed=4)
    counts = split.table["split"].value_counts()
    assert counts.to_dict() == {"train": 30, "validation": 10, "test": 10}
    assert (split.table.groupby("group")["split"].nunique() == 1).all()
    assert (split.table["split"].iloc[40:] == "test").all()
    assert not split.table.equals(official_split(rows, validation=0.25, seed=5)[0].table)


def test_what_cannot_be_is_one_line():
    with pytest.raises(ManifestError, match="no column 'official_split'"):
        official_split(Manifest(pd.DataFrame({"image": ["a"]}), None, UNKNOWN_SCALE))
    with pytest.raises(ManifestError, match=r"official_split of 1 pictures is none of .* \(first: 1\.jpg\)"):
        official_split(manifest(["train", None]))
    with pytest.raises(InvalidInput, match="has a validation set already"):
        official_split(manifest(["train", "validation"]), validation=0.1)
    with pytest.raises(InvalidInput, match=r"lies in \[0, 1\)"):
        official_split(manifest(["train", "test"]), validation=1.5)
