"""DeepFL-IQA's first stage from a packed folder of weak labels to a model and its evaluation."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter
from scenes import scene
from small_networks import small_resnet18

import tfiqa
from tfiqa.cli.evaluate import evaluate
from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import ManifestError, RecipeError
from tfiqa.evaluation.correlation import srcc
from tfiqa.histogram_equalization import HistogramEqualization
from tfiqa.models.deepfl import EQUALIZED_SCALE, RAW_SCALE
from tfiqa.pipelines.records.writer import pack_records
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.trainer import fit
from tfiqa.weights.build import read_model

SETTINGS = [
    "model.weights=null",
    "model.options={body: resnet18, measures: [ssim, gmsd]}",
    "data.crop=64x48",
    "epochs=2",
    "training.batch_size=8",
    "learning_rate=1e-3",
    "split={train: 0.5, validation: 0.25, test: 0.25}",
]


@pytest.fixture(scope="module", autouse=True)
def _small():
    with small_resnet18():
        yield


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """Sixteen pictures of four scenes, blurred, with two measures that tell the blur, packed."""
    folder = tmp_path_factory.mktemp("labels")
    rows = []
    for i in range(16):
        blur = i % 4
        Image.fromarray(scene(i // 4)).filter(ImageFilter.GaussianBlur(blur)).save(folder / f"{i}.png")
        rows.append({"image": f"{i}.png", "group": f"scene {i // 4}", "ssim": 1 - blur**2 / 20, "gmsd": blur / 10})
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    pack_records(read_manifest(folder / "labels.csv"), folder / "packed", shards=2)
    return folder / "packed"


@pytest.fixture(scope="module")
def run(labels, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mtl") / "run"
    fit(read_recipe("deepfl_mtl", SETTINGS), [labels], folder)
    return folder


def test_what_a_run_leaves(run):
    log = pd.read_csv(run / "metrics.csv")
    assert {"loss", "ssim_loss", "gmsd_loss", "val_srcc", "val_srcc_ssim", "val_srcc_gmsd"} <= set(log)
    np.testing.assert_allclose(log["loss"], (log["ssim_loss"] + log["gmsd_loss"]) / 2, rtol=1e-5)  # equation 3
    np.testing.assert_allclose(log["val_srcc"], (log["val_srcc_ssim"] + log["val_srcc_gmsd"]) / 2)
    test = json.loads((run / "metrics.json").read_text())["reports"]["test"]
    predictions = pd.read_csv(run / "predictions_test.csv")
    assert list(predictions) == ["image", "ssim_target", "gmsd_target", "ssim", "gmsd"]
    assert test["measures"][1]["srcc"] == pytest.approx(srcc(predictions["gmsd"], -predictions["gmsd_target"]))
    assert read_model(run / "model.keras").info.scale == EQUALIZED_SCALE


def test_targets_are_equalised_on_the_training_rows_alone(run):
    rows = pd.read_csv(run / "manifest.csv")
    training = rows[rows["split"] == "train"]
    maps = HistogramEqualization.load(run / "equalization.json").maps
    assert maps["ssim"].pictures == len(training) == 8
    for name, is_higher_better in (("ssim", True), ("gmsd", False)):
        assert maps[name].higher_is_better is is_higher_better
        np.testing.assert_allclose(np.sort(maps[name].transform(training[name].unique())), [0.125, 0.375, 0.625, 0.875])


def test_evaluation_scores_packed_pictures_and_counts_those_trained_on(run, labels):
    arguments = [str(run), "--data", str(labels), "--output", "-"]
    done = CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "8 of these pictures trained the model" in done.stderr
    assert "mean" in done.stdout
    (row,) = tfiqa.Scorer.load(run).rows([labels.parent / "3.png"])
    assert set(row) == {"path", "ssim", "gmsd", "error"}


def test_without_equalisation_the_scores_are_the_measures_own(labels, tmp_path):
    fit(read_recipe("deepfl_mtl", [*SETTINGS, "data.equalize=false", "epochs=1"]), [labels], tmp_path / "raw")
    assert not (tmp_path / "raw" / "equalization.json").exists()
    assert read_model(tmp_path / "raw" / "model.keras").info.scale == RAW_SCALE


def test_a_killed_run_goes_on_from_records(run, labels, tmp_path, monkeypatch):
    from tfiqa.training import callbacks

    saved = callbacks.save_checkpoint

    def save_and_stop(*arguments):
        saved(*arguments)
        raise KeyboardInterrupt

    recipe = read_recipe("deepfl_mtl", SETTINGS)
    monkeypatch.setattr(callbacks, "save_checkpoint", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, [labels], tmp_path / "run")
    monkeypatch.setattr(callbacks, "save_checkpoint", saved)
    fit(recipe, [labels], tmp_path / "run", resume=True)
    for name in ("metrics.csv", "predictions_test.csv", "equalization.json", "data.json"):
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes(), name


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.crop=512", "crop"),
        ("data.crop=64 x 48", "WIDTHxHEIGHT"),
        ("model.options={body: inception_resnet_v2, measures: [ssim, gmsd]}", "takes sides from 75"),
        ("model.options={measures: [nima]}", "unknown measure 'nima'"),
        ("loss.weights={ssim: 1.0}", "missing: gmsd"),
        ("model={name: deepfl, options: {body: resnet18}}", "data.equalize is for full-reference measures"),
    ],
)
def test_bad_settings_are_one_line(override, message, labels, tmp_path):
    from tfiqa.errors import TfiqaError

    with pytest.raises(TfiqaError, match=message) as caught:
        fit(read_recipe("deepfl_mtl", [*SETTINGS, override]), [labels], tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, RecipeError) or "512" in override


def test_all_eleven_are_needed_unless_fewer_are_chosen(labels, tmp_path):
    settings = [s for s in SETTINGS if "options" not in s] + ["model.options={body: resnet18}"]
    with pytest.raises(ManifestError, match="column 'ms_ssim' is missing"):
        fit(read_recipe("deepfl_mtl", settings), [labels], tmp_path / "run")
