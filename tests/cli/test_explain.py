"""`tfiqa explain` as a user types it."""

import csv
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from small_networks import small_resnet18

import tfiqa
from tfiqa.cli.explain import explain
from tfiqa.errors import InvalidInput, MissingPicture, StorageError, UnknownName


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with models of one block."""
    folder = tmp_path_factory.mktemp("models")
    with small_resnet18():
        tfiqa.build_model("spaq_mt_a", backbone="resnet18").save(folder / "attributes.keras")
        tfiqa.build_model("paq2piq_roipool").save(folder / "boxes.keras")
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with pictures in `photos`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for name, size in (("a.png", (48, 64)), ("b.jpg", (64, 40))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / "photos" / name)
    return tmp_path


def run(*arguments):
    """The result of a command line; what it raises is for the caller, as in `main`."""
    return CliRunner().invoke(explain, [str(argument) for argument in arguments], catch_exceptions=False)


def test_one_picture(here, models):
    command = partial(run, "photos/a.png", "--model", models / "attributes.keras", "--package", "tfiqa", "--output")
    result = command("all.png", "--method", "all", "--samples", 2, "--target", "sharpness")
    assert result.exit_code == 0
    assert "grad-cam: maps of layer4_0_relu" in result.stderr
    assert "smoothgrad: gradients by tfiqa" in result.stderr
    assert "sharpness is that of pictures taken whole" in result.stderr
    assert "all.png: sharpness" in result.stderr
    assert "at 64x48" in result.stderr
    command("one.png", "--method", "grad-cam", "--sign", "lowers", "--patches")
    widths = [Image.open(here / name).width for name in ("one.png", "all.png")]
    assert widths[1] > 1.7 * widths[0]  # four pictures beside each other, and two


def test_a_model_that_scores_boxes_has_its_quality_map_beside(here, models):
    for name, target in (("quality.png", "quality"), ("other.png", "quality.0")):
        run("photos/a.png", "--model", models / "boxes.keras", "--target", target, "--output", name)
    assert Image.open(here / "quality.png").width > 1.2 * Image.open(here / "other.png").width


def test_a_folder_with_a_broken_picture(here, models):
    (here / "photos" / "c.png").write_text("x")
    result = run("photos", "--model", models / "attributes.keras", "--method", "saliency", "--output", "o")
    assert result.exit_code == 3
    assert "2 of 3 pictures" in result.stderr
    rows = list(csv.DictReader((here / "o" / "explained.csv").read_text().splitlines()))
    assert [row["figure"] for row in rows] == ["1_a.png", "2_b.png", ""]
    assert (rows[1]["target"], rows[1]["width"], rows[1]["height"]) == ("quality", "40", "64")
    assert "is no picture" in rows[2]["error"]
    assert sorted(path.name for path in (here / "o").iterdir()) == ["1_a.png", "2_b.png", "explained.csv"]


def test_wrong_usage(here, models):
    model = models / "attributes.keras"
    assert run("photos", "--model", model, "--output", "x.png").exit_code == 2
    assert run("photos", "--model", model, "--output", "x", "--method", "cam").exit_code == 2
    with pytest.raises(MissingPicture):
        run("none.png", "--model", model, "--output", "x.png")
    with pytest.raises(StorageError, match="exists already"):
        run("photos", "--model", model, "--output", "photos")
    with pytest.raises(UnknownName, match="unknown target 'sharp'"):
        run("photos", "--model", model, "--output", "x", "--target", "sharp")
    (here / "exported" / "1").mkdir(parents=True)
    (here / "exported" / "1" / "saved_model.pb").touch()
    with pytest.raises(InvalidInput, match="exported model, which has no gradients"):
        run("photos", "--model", "exported", "--output", "x")
    assert not (here / "x").exists()
    assert not (here / "x.png").exists()
