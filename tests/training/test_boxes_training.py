"""Training on pictures and boxes in them."""

import json
from contextlib import nullcontext

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_networks import eagerly, small_resnet18

import tfiqa
from tfiqa.databases.box_rows import box_rows
from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput, ManifestError, RecipeError
from tfiqa.images.decode import decode_picture
from tfiqa.losses.regression import KnownMean
from tfiqa.pipelines.box_scoring import BoxPredictor
from tfiqa.serving.scorer import Scorer
from tfiqa.training.learning_boxes import box_trained
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.trainer import fit
from tfiqa.training.training_data import load_training_data
from tfiqa.training.training_pictures import TrainingPictures
from tfiqa.weights.build import read_model

SMALL = [
    "model.weights=null",
    "data.train_resize=pad:64:white",
    "validation.resize=pad:64:white",
    "data.crop=64",
    "training.batch_size=4",
    "epochs=1",
]
SIZES = [(40, 50)] * 4 + [(64, 64), (50, 40)] + [(40, 64)] * 2 + [(48, 48), (33, 80)]  # heights and widths
SPLITS = ["train"] * 6 + ["validation"] * 2 + ["test", "train"]  # the last is too large


@pytest.fixture(scope="module", autouse=True)
def small():
    with small_resnet18():
        yield


def write_data(folder, **columns):
    random = np.random.default_rng(0)
    rows = []
    for place, ((height, width), split) in enumerate(zip(SIZES, SPLITS, strict=True)):
        picture = random.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(picture).save(folder / f"{place}.png")
        boxes = [[0, 0, 20, 20], [5, 5, 30, 30], [0, 0, width, height], [1, 1, 9, 9]][: 3 + place % 2]
        row = {"image": f"{place}.png", "score": 10.0 * place, "split": split, "boxes": json.dumps(boxes)}
        rows.append({**row, "box_scores": json.dumps([float(place + i) for i in range(len(boxes))])})
    table = pd.DataFrame(rows).assign(**columns)
    table.assign(scale_low=0, scale_high=100, scale_direction="higher", scale_unit="MOS").to_csv(
        folder / "data.csv", index=False
    )
    return folder / "data.csv"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module", params=["paq2piq_roipool", "paq2piq_feedback", "paq2piq_baseline"])
def run(request, data, tmp_path_factory):
    output, said = tmp_path_factory.mktemp("run") / "run", []
    with nullcontext() if request.param == "paq2piq_roipool" else eagerly():
        reports = fit(read_recipe(request.param, SMALL), [data], output, say=said.append)
    return request.param, output, reports, said


def test_a_run(run, data):
    name, output, reports, said = run
    assert reports.keys() == {"validation", "test"}
    larger = "1 pictures are test pictures because they, or others of their group, are larger than pad:64:white takes"
    assert larger in said
    manifest = pd.read_csv(output / "manifest.csv")
    assert manifest["split"].tolist() == [*SPLITS[:-1], "test"]
    log = pd.read_csv(output / "metrics.csv")
    assert ("val_srcc_boxes" in log) == (name != "paq2piq_baseline")
    boxes = json.loads((output / "metrics.json").read_text())["reports"]["test"].get("boxes")
    if name == "paq2piq_baseline":
        assert boxes is None
    else:
        assert sum(each["boxes"] for each in boxes) == 3 + 4  # of pictures 8 and 9
        table = pd.read_csv(output / "boxes_test.csv")
        assert table["score"].tolist() == [8, 9, 10, 9, 10, 11, 12]
        assert np.isfinite(table["quality"]).all()
    scorer = Scorer.load(output)
    assert scorer.info.protocol.resize == "native"
    assert np.isfinite(scorer.score(data.parent / "0.png")["quality"])


def test_validation_is_of_padded_pictures_and_test_is_not(run):
    name, output, _, _ = run
    if name == "paq2piq_baseline":
        scorer = Scorer.load(output)
    else:  # boxes guide the others, which `tfiqa score` is not given
        predictor = BoxPredictor(read_model(output / "model.keras"), guided=True)
        manifest = read_manifest(output / "manifest.csv")
        boxes = dict(zip(map(str, manifest.picture_paths()), box_rows(manifest)[0], strict=True))
    for split, same in (("validation", False), ("test", True)):
        for row in pd.read_csv(output / f"predictions_{split}.csv").to_dict("records"):
            if name == "paq2piq_baseline":
                own = scorer.score(row["image"])["quality"]
            else:
                own = predictor.predict(decode_picture(row["image"]), boxes[row["image"]]).quality
            assert (own == pytest.approx(row["quality"], rel=1e-4)) == same


def test_pictures_are_resumed_bit_for_bit(data, tmp_path):
    recipe = read_recipe("paq2piq_roipool", [*SMALL, "epochs=2"])

    def stop(text):
        if text.startswith("epoch 1 "):
            raise KeyboardInterrupt

    with eagerly():
        fit(recipe, [data], tmp_path / "whole")
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, [data], tmp_path / "two", say=stop)
        fit(recipe, [data], tmp_path / "two", resume=True)
    one, two = (keras.saving.load_model(tmp_path / name / "model.keras").get_weights() for name in ("whole", "two"))
    for weight, same in zip(one, two, strict=True):
        np.testing.assert_array_equal(weight, same)


def test_frozen_epochs_have_their_batch_size(data):
    recipe = read_recipe("paq2piq_roipool", [*SMALL, "training.frozen_epochs=1", "training.frozen_batch_size=3"])
    rows = load_training_data(recipe, [data])
    for epoch, counts in ((0, [3, 3]), (1, [4, 2])):
        batches = TrainingPictures(recipe, rows, (), None).batches(recipe.training.batch_size_of(epoch))
        assert [len(batch.rows) for batch in batches.epoch(epoch)] == counts


def test_boxes_that_fill_up_a_batch_change_nothing():
    model = tfiqa.build_model("paq2piq_roipool")
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    trained = box_trained(model)
    trained.compile(keras.optimizers.SGD(0.1), {"scores": KnownMean()})
    start = model.get_weights()
    random = np.random.default_rng(0)
    image = random.uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    boxes = np.array([[[0, 0, 20, 20], [5, 5, 60, 60]], [[0, 20, 64, 64], [30, 30, 64, 64]]], np.float32)
    whole = np.tile(np.array([0, 0, 64, 64], np.float32), (2, 1))
    scores = random.uniform(0, 1, (2, 3)).astype(np.float32)
    ends = []
    for extra in (0, 5):
        model.set_weights(start)
        filled = np.pad(boxes, ((0, 0), (0, extra), (0, 0)), constant_values=np.nan)
        truth = np.pad(scores, ((0, 0), (0, extra)), constant_values=np.nan)
        trained.train_on_batch({"image": image, "boxes": filled, "picture_box": whole}, {"scores": truth})
        ends.append(model.get_weights())
    assert any(np.abs(old - new).max() > 1e-3 for old, new in zip(start, ends[0], strict=True))
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"boxes": "[[0, 0, 20, 45]]", "box_scores": "[1]"}, InvalidInput, "a box is not within its 50x40 pixels"),
        ({"boxes": "[[0, 0, 20]]"}, ManifestError, r"row 2: boxes is a list of \[left, top, right, bottom\]"),
        ({"box_scores": "[1]"}, ManifestError, "row 2: 3 boxes have 1 scores"),
    ],
)
def test_boxes_that_cannot_be(tmp_path, columns, error, message):
    data = write_data(tmp_path, **columns)
    with pytest.raises(error, match=message):
        fit(read_recipe("paq2piq_roipool", SMALL), [data], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_few_boxes_for_the_feedback_model(tmp_path):
    data = write_data(tmp_path, boxes="[[0, 0, 20, 20]]", box_scores="[5]")
    with pytest.raises(InvalidInput, match=r"paq2piq_feedback takes 3 boxes or more\. Received: 1"):
        fit(read_recipe("paq2piq_feedback", SMALL), [data], tmp_path / "run")


def test_pictures_must_be_whole(data, tmp_path):
    overrides = [*SMALL, "data.train_resize=native", "data.crop=32"]
    with pytest.raises(InvalidInput, match=r"whole picture, 50x40 pixels, in a crop\. Received: 32x32"):
        fit(read_recipe("paq2piq_roipool", overrides), [data], tmp_path / "run")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=spaq_bl", "model.options={backbone: resnet18}"], "spaq_bl takes no boxes"),
        (["loss.name=fidelity"], "data.boxes goes with loss.name mse or l1"),
        (["loss.weights={quality: 1}"], "data.boxes counts each picture and box alike"),
        (["data.rescale=true"], "data.boxes goes with"),
        (["validation.resize=huge"], "a resize policy is"),
    ],
)
def test_recipes_that_cannot_be(overrides, message):
    with pytest.raises((RecipeError, InvalidInput), match=message):
        read_recipe("paq2piq_roipool", [*SMALL, *overrides])
