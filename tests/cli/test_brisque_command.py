"""`tfiqa brisque` as a user types it."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tfiqa.cli.brisque import brisque as command
from tfiqa.errors import InvalidInput
from tfiqa.images.decode import decode_picture
from tfiqa.models.baselines import brisque, brisque_training

PICTURES = 24


@pytest.fixture(autouse=True)
def small_search(monkeypatch):
    monkeypatch.setitem(brisque_training.search.__kwdefaults__, "costs", (4.0, 16.0))
    monkeypatch.setitem(brisque_training.search.__kwdefaults__, "gammas", (0.1,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures with more and more noise."""
    folder = tmp_path_factory.mktemp("noisy")
    random = np.random.default_rng(0)
    waves = 127 + 60 * np.sin(np.arange(48) / 6)
    rows = ["image,score,scale_low,scale_high,scale_direction,scale_unit"]
    for place in range(PICTURES):
        pixels = np.clip(waves + random.normal(0, 2 + 2 * place, (40, 48)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{place}.png")
        rows.append(f"{place}.png,{5 - place / 8},1,5,higher,test MOS")
    (folder / "photos.csv").write_text("\n".join(rows) + "\n")
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(folder / "black.png")
    (folder / "broken.png").write_text("no")
    rows[1:1] = ["black.png,3,1,5,higher,test MOS", "broken.png,3,1,5,higher,test MOS"]
    (folder / "some_bad.csv").write_text("\n".join(rows) + "\n")
    return folder


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_fit_and_score(folder, tmp_path):
    model, predictions = tmp_path / "brisque.npz", tmp_path / "predictions.csv"
    done = run("fit", folder / "photos.csv", "--output", model, "--predictions", predictions, "--seed", 3)
    assert done.exit_code == 0, done.output
    assert "seed 3: cost " in done.stderr
    assert f"{model}: seed 3, " in done.stderr
    assert "test MOS 1 to 5, higher is better" in done.stderr
    assert "SRCC" in done.stdout
    held_out = list(csv.DictReader(predictions.open()))
    assert len(held_out) == round(0.2 * PICTURES)
    files = [folder / row["image"] for row in held_out]
    scored = run("score", "--model", model, *files)
    assert scored.exit_code == 0, scored.output
    rows = list(csv.DictReader(io.StringIO(scored.stdout)))
    assert [float(row["brisque"]) for row in rows] == [float(row["brisque"]) for row in held_out]
    assert float(rows[0]["brisque"]) == brisque.load(model).score(decode_picture(files[0]))
    errors = [abs(float(row["brisque"]) - float(row["score"])) for row in held_out]
    assert max(errors) < 1


def test_repeats_and_report(folder, tmp_path):
    report = tmp_path / "report.json"
    arguments = ("fit", folder / "photos.csv", "--output", tmp_path / "brisque.npz", "--repeats", 2)
    assert run(*arguments, "--report", report).exit_code == 0
    document = json.loads(report.read_text())
    assert [repeat["seed"] for repeat in document["repeats"]] == [1, 2]
    assert all(0.5 < repeat["srcc"] <= 1 for repeat in document["repeats"])
    assert document["left_out"] == []
    text = run(*arguments)
    assert "Over 2 splits:" in text.stdout
    assert "lower quartile" in text.stdout
    assert "brisque.npz: seed 1, " in text.stderr


def test_bad_pictures_are_told(folder, tmp_path):
    done = run("fit", folder / "some_bad.csv", "--output", tmp_path / "brisque.npz")
    assert done.exit_code == 3, done.output
    assert f"left out: {folder / 'black.png'}: has too little texture for BRISQUE" in done.stderr
    assert f"left out: {folder / 'broken.png'}: " in done.stderr
    scored = run(
        "score", folder / "black.png", folder / "0.png", "--model", tmp_path / "brisque.npz", "--format", "jsonl"
    )
    assert scored.exit_code == 3
    black, other = map(json.loads, scored.stdout.splitlines())
    assert (black["brisque"], black["error"]) == (None, f"{folder / 'black.png'}: has too little texture for BRISQUE")
    assert other["error"] is None
    assert "1 of 2 pictures scored" in scored.stderr
    few_pixels = run("score", folder / "0.png", "--model", tmp_path / "brisque.npz", "--max-pixels", 100)
    assert "more than the limit of 100" in few_pixels.stdout


def test_a_manifest_without_scores(tmp_path):
    (tmp_path / "photos.csv").write_text("image\na.png\n")
    done = run("fit", tmp_path / "photos.csv", "--output", tmp_path / "brisque.npz")
    assert isinstance(done.exception, InvalidInput)
    assert "score" in str(done.exception)


def test_wrong_usage(tmp_path):
    assert run("fit", tmp_path / "photos.csv", "--output", "model.txt").exit_code == 2
    assert run("score", tmp_path / "photo.png").exit_code == 2
