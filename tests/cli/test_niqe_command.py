"""`tfiqa niqe` as a user types it."""

import csv
import io

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter

from tfiqa.cli.niqe import niqe as command
from tfiqa.errors import InvalidInput
from tfiqa.images.decode import decode_picture
from tfiqa.models.baselines import niqe


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pristine")
    random = np.random.default_rng(0)
    waves = 127 + 60 * np.sin(np.arange(200) / 6)
    for place in range(5):
        pixels = np.clip(waves + random.normal(0, 12, (300, 200)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{place}.png")
    (folder / "photos.csv").write_text("image\n" + "".join(f"{place}.png\n" for place in range(4)))
    return folder


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_fit_and_score(folder, tmp_path):
    model = tmp_path / "niqe.npz"
    done = run("fit", folder / "photos.csv", "--output", model)
    assert done.exit_code == 0, done.output
    assert f"{model}: 24 sharp blocks of 4 pictures" in done.stderr
    assert "warning: 24 blocks do not determine a covariance of 36 features" in done.stderr
    blurred, small = tmp_path / "blurred.png", tmp_path / "small.png"
    Image.open(folder / "4.png").filter(ImageFilter.GaussianBlur(2)).save(blurred)
    Image.new("RGB", (95, 200)).save(small)
    scored = run("score", folder / "4.png", blurred, small, "--model", model)
    assert scored.exit_code == 3
    rows = list(csv.DictReader(io.StringIO(scored.stdout)))
    assert float(rows[0]["niqe"]) == niqe.score(decode_picture(folder / "4.png"), niqe.load(model))
    assert float(rows[1]["niqe"]) > 2 * float(rows[0]["niqe"])
    assert rows[2]["error"] == f"{small}: NIQE needs at least 96 pixels each way. Received: 95 x 200 pixels"
    assert "NIQE 0 to unbounded, lower is better" in scored.stderr


def test_a_folder_with_a_bad_picture(folder, tmp_path):
    for place in range(5):
        (tmp_path / f"{place}.png").write_bytes((folder / f"{place}.png").read_bytes())
        (tmp_path / f"{place}_again.png").write_bytes((folder / f"{place}.png").read_bytes())
    (tmp_path / "broken.png").write_text("no")
    Image.new("L", (200, 200), 50).save(tmp_path / "flat.png")
    done = run("fit", tmp_path, "--output", tmp_path / "niqe.npz")
    assert done.exit_code == 3, done.output
    assert f"left out: {tmp_path / 'broken.png'}: " in done.stderr
    assert f"left out: {tmp_path / 'flat.png'}: has too little texture for NIQE" in done.stderr
    assert "60 sharp blocks of 10 pictures" in done.stderr
    assert "warning" not in done.stderr


def test_nothing_to_learn_from(tmp_path):
    Image.new("RGB", (200, 200)).save(tmp_path / "black.png")
    done = run("fit", tmp_path, "--output", tmp_path / "niqe.npz")
    assert isinstance(done.exception, InvalidInput)
    assert "at least two sharp blocks with texture" in str(done.exception)
    assert (
        "more than the limit of 100"
        in run("fit", tmp_path, "--output", tmp_path / "niqe.npz", "--max-pixels", 100).stderr
    )
