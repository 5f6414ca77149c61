"""Scores of boxes against a manifest's, by a model with boxes and by one without."""

import json

import numpy as np
import pandas as pd
import pytest
from box_models import brightest_cell, mean_brightness, squares
from click.testing import CliRunner
from PIL import Image

from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.models.model_info import info_of
from tfiqa.models.spaq import SpaqOptions
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.serving.box_evaluation import evaluate_box_scores

# Per picture of 10x10 cells a box of 4x4, of 3x3 and of 2x2 cells; RoI pooling takes the cell at the end in.
BOXES = [[0, 0, 120, 120], [160, 0, 250, 90], [0, 200, 50, 250]]
SIZES = [40, 30, 20]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Six pictures with the mean brightness of each box as its score; of 20 %, its negative."""
    folder = tmp_path_factory.mktemp("boxes")
    rows = []
    for number in range(6):
        levels = np.random.default_rng(number).integers(0, 256, (10, 10))
        image = squares(levels)
        Image.fromarray(image).save(folder / f"{number}.png")
        scores = [float(image[top:bottom, left:right].mean()) for left, top, right, bottom in BOXES]
        scores[2] *= -1
        rows.append({"image": f"{number}.png", "score": float(image.mean()), "boxes": json.dumps(BOXES)})
        rows[-1]["box_scores"] = json.dumps(scores)
    pd.DataFrame(rows).to_csv(folder / "m.csv", index=False)
    return LabelledPictures.of(read_manifest(folder / "m.csv"))


def test_crops_are_pictures_for_a_model_without_boxes(pictures):
    seen = []
    result = evaluate_box_scores(mean_brightness(), pictures, progress=lambda done, all: seen.append((done, all)))
    assert [each.size for each in result.report.sizes] == SIZES
    assert [each.boxes for each in result.report.sizes] == [6] * 3
    np.testing.assert_allclose([each.plcc for each in result.report.sizes], [1, 1, -1], atol=1e-6)
    assert seen[-1] == (6, 6)
    assert result.errors == []


def test_one_pass_for_a_model_with_boxes(pictures):
    result = evaluate_box_scores(brightest_cell(), pictures)
    for source, scores in zip(pictures.sources, result.scores, strict=True):
        cells = np.asarray(Image.open(source))[::32, ::32, 0]
        assert scores.quality == cells.max()
        assert scores.box_quality[0] == cells[:5, :5].max()


def test_a_bad_picture_is_left_out(pictures, tmp_path):
    for source in pictures.sources:
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "2.png").write_bytes(b"no picture")
    table = pictures.manifest.table.copy()
    table.loc[3, "boxes"] = json.dumps([*BOXES[:2], [300, 0, 321, 50]])
    table.loc[4, "boxes"] = json.dumps([*BOXES[:2], [0.1, 0, 0.4, 50]])  # without a whole pixel
    table.to_csv(tmp_path / "m.csv", index=False)
    result = evaluate_box_scores(mean_brightness(), LabelledPictures.of(read_manifest(tmp_path / "m.csv")))
    assert [each.boxes for each in result.report.sizes] == [3] * 3
    assert [place for place, scores in enumerate(result.scores) if scores is None] == [2, 3, 4]
    assert "2.png" in result.errors[0]
    assert result.errors[1].endswith("3.png: a box is not within its 320x320 pixels")
    assert "4.png" in result.errors[2]
    assert "not finite" in result.errors[2]


def test_what_cannot_be_evaluated(pictures):
    other = mean_brightness()
    other.info = info_of("resnet18", SpaqOptions())
    with pytest.raises(InvalidInput, match="tells no quality"):
        evaluate_box_scores(other, pictures)
    bare = LabelledPictures.of(read_manifest(pictures.manifest.path))
    del bare.manifest.table["box_scores"]
    with pytest.raises(ManifestError, match="'box_scores' is missing"):
        evaluate_box_scores(mean_brightness(), bare)
    bare.manifest.table[["boxes", "box_scores"]] = "[]"
    with pytest.raises(InvalidInput, match="none of the 6 rows has a box"):
        evaluate_box_scores(mean_brightness(), bare)


def run(*arguments):
    from tfiqa.cli.evaluate import evaluate

    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments], catch_exceptions=False)


def test_the_command_line(pictures, tmp_path):
    mean_brightness().save(tmp_path / "m.keras")
    data = ("--data", pictures.manifest.path)
    told = run(tmp_path / "m.keras", *data)
    assert "--boxes compares those too" in told.stderr
    told = run(tmp_path / "m.keras", *data, "--boxes")
    assert told.exit_code == 0
    lines = [line.split() for line in told.stdout.splitlines() if "%" in line and "Size" not in line]
    assert [line[:3] for line in lines] == [[str(size), "%", "6"] for size in SIZES]
    run(tmp_path / "m.keras", *data, "--boxes", "--output", tmp_path / "r.json")
    figures = json.loads((tmp_path / "r.json").read_text())["boxes"]
    assert [(each["size"], each["boxes"]) for each in figures] == [(size, 6) for size in SIZES]


def test_what_boxes_lack_is_told_before_pictures_are_scored(pictures, tmp_path, monkeypatch):
    mean_brightness().save(tmp_path / "m.keras")
    pictures.manifest.table.drop(columns="boxes").to_csv(tmp_path / "m.csv", index=False)
    monkeypatch.setattr("tfiqa.serving.evaluation.evaluate_scorer", lambda *_, **__: pytest.fail("it scored them"))
    with pytest.raises(ManifestError, match="'boxes' is missing"):
        run(tmp_path / "m.keras", "--data", tmp_path / "m.csv", "--boxes")


def test_boxes_left_out_are_listed(pictures, tmp_path):
    mean_brightness().save(tmp_path / "m.keras")
    table = pictures.manifest.table.assign(image=list(map(str, pictures.sources)))
    table.loc[3, "boxes"] = json.dumps([*BOXES[:2], [300, 0, 321, 50]])
    table.to_csv(tmp_path / "m.csv", index=False)
    told = run(tmp_path / "m.keras", "--data", tmp_path / "m.csv", "--boxes", "--output", tmp_path / "r.json")
    assert told.exit_code == 3
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["left_out"] == []
    assert [error.split(": ")[1] for error in document["boxes_left_out"]] == ["a box is not within its 320x320 pixels"]
    assert f"boxes left out: {document['boxes_left_out'][0]}" in told.stderr
