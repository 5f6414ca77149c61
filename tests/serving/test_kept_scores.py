"""Scores that are kept while they are made."""

import csv
import os

import numpy as np
import pytest
from PIL import Image
from uncertain_scorer import named_pictures, uncertain_scorer

from tfiqa.serving.kept_scores import kept_rows


@pytest.fixture
def pictures(tmp_path):
    return named_pictures(tmp_path, [(1 / 3, 0.1), (2.5, 0.2), (1e-9, 0.3), (4.0, 0.4)])


@pytest.fixture
def scorer(tmp_path):
    return uncertain_scorer(tmp_path / "m.keras")


def table(folder):
    (file,) = folder.iterdir()
    with open(file, newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_second_time_nothing_is_scored(pictures, scorer, tmp_path):
    folder, told = tmp_path / "scores", []
    first = kept_rows(scorer, pictures, folder, "my model", tell=told.append)
    assert first == list(uncertain_scorer(tmp_path / "m.keras").rows(pictures))
    assert (scorer.predictor.asked, told) == (4, [])
    assert kept_rows(scorer, pictures[::-1], folder, "my model", tell=told.append) == first[::-1]
    assert scorer.predictor.asked == 4
    (file,) = folder.iterdir()
    assert file.name.startswith("my_model-")
    assert told == [f"my model: 4 of 4 pictures are scored already ({file})"]
    assert {row["scale_direction"] for row in table(folder)} == {"higher"}


def test_a_kill_at_any_moment_costs_no_score(pictures, scorer, tmp_path, monkeypatch):
    folder, on_disk = tmp_path / "scores", []
    kept_rows(scorer, pictures[:2], folder, "m")
    (file,) = folder.iterdir()
    with open(file, "a") as stream:
        stream.write(f"{pictures[3]},9")  # half a row
    predict_all = scorer.predictor.predict_all

    def watched(sources, exif=None):
        for outputs in predict_all(sources, exif):
            on_disk.append(file.read_text())
            yield outputs

    monkeypatch.setattr(scorer.predictor, "predict_all", watched)
    rows = kept_rows(scorer, pictures, folder, "m")
    assert [row["quality"] for row in rows] == [1 / 3, 2.5, 1e-9, 4.0]
    assert [text.count(".png,") for text in on_disk] == [2, 3]  # before the first new picture the known ones are there
    assert [row["path"] for row in table(folder)] == list(map(str, pictures))


def test_changed_pictures_and_models_are_scored_anew(pictures, scorer, tmp_path):
    folder = tmp_path / "scores"
    kept_rows(scorer, pictures, folder, "m")
    Image.new("RGB", (9, 9)).save(pictures[0])
    found = pictures[1].stat()
    os.utime(pictures[1], ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    kept_rows(scorer, pictures[:2], folder, "m")
    assert scorer.predictor.asked == 6
    assert len(table(folder)) == 4  # a row a picture, those of pictures that were not asked for too
    kept_rows(scorer, pictures, folder, "m", exif=np.zeros((4, 8)))
    assert scorer.predictor.asked == 10
    kept_rows(scorer, pictures, folder, "m", exif=np.eye(4, 8))
    assert scorer.predictor.asked == 13 + 1  # eye differs from zeros in every row
    scorer.source.write_bytes(b"other weights")
    kept_rows(scorer, pictures, folder, "m")
    assert scorer.predictor.asked == 18
    assert len(list(folder.iterdir())) == 2


def test_failures_are_tried_again(pictures, scorer, tmp_path):
    broken, calls = tmp_path / "broken.png", []
    broken.write_text("x")
    for _ in range(2):
        rows = kept_rows(scorer, [broken, *pictures], tmp_path / "scores", "m", progress=lambda *at: calls.append(at))
        assert (rows[0]["quality"], rows[0]["error"]) == (None, f"{broken}: is no picture")
    assert scorer.predictor.asked == 6
    assert calls == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5), (5, 5)]
    assert len(table(tmp_path / "scores")) == 5


def test_names_that_are_odd(scorer, tmp_path):
    names = [b"1_1_\xff.png", b'2_1_,"\n.png']
    pictures = [tmp_path / os.fsdecode(name) for name in names]
    for picture in pictures:
        picture.touch()
    first = kept_rows(scorer, pictures, tmp_path / "scores", "m")
    assert kept_rows(scorer, pictures, tmp_path / "scores", "m") == first
    assert scorer.predictor.asked == 2


def test_a_file_of_other_columns_is_not_used(pictures, scorer, tmp_path):
    kept_rows(scorer, pictures, tmp_path / "scores", "m")
    (file,) = (tmp_path / "scores").iterdir()
    file.write_text(f"path,quality\n{pictures[0]},7\n")
    assert kept_rows(scorer, pictures, tmp_path / "scores", "m")[0]["quality"] == 1 / 3
