"""The page of PaQ-2-PiQ's tables."""

import json

import numpy as np
import pandas as pd
import pytest
from box_models import mean_brightness, squares
from click.testing import CliRunner
from fake_runs import fake_run
from PIL import Image

import tfiqa
from tfiqa.cli.report.paq2piq import paq2piq
from tfiqa.databases.manifest import Manifest, read_manifest, write_manifest
from tfiqa.errors import InvalidInput
from tfiqa.models.paq2piq import SCALE
from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
from tfiqa.pipelines.records.writer import pack_records
from tfiqa.reports.page import Note, Table, Text
from tfiqa.reports.paq2piq import paq2piq_page
from tfiqa.reports.paq2piq_paper import PARAMETERS, PATCHES, PICTURES, paper_name
from tfiqa.reports.paq2piq_results import labels_of, parameters_of, result_of
from tfiqa.reports.runs import read_run

BOXES = [[0, 0, 51, 51], [64, 64, 102, 102]]  # 40 and 30 % of 128 x 128 pixels


@pytest.fixture
def learned(tmp_path):
    """A run of CNNIQA that has the figures of boxes in its report, validation and test."""
    folder = fake_run(tmp_path / "learned", "cnniqa", srcc=0.5, plcc=0.6, database="flive")
    tfiqa.build_model("cnniqa").save(folder / "model.keras")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["reports"]["test"]["boxes"] = [{"size": 20, "boxes": 7, "srcc": 0.25, "plcc": None}]
    metrics["reports"]["validation"] = {
        "srcc": 0.7,
        "plcc": None,
        "boxes": [{"size": 20, "boxes": 5, "srcc": 0.75, "plcc": 0.125}],
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


@pytest.fixture
def scored(tmp_path):
    """A run without figures of boxes, whose test pictures have some: the brighter the better, but of 30 % the reverse."""
    folder = fake_run(tmp_path / "scored", "paq2piq_baseline", database="mine")
    mean_brightness().save(folder / "model.keras")
    rows = []
    for number in range(8):
        image = squares(np.random.default_rng(number).integers(0, 256, (4, 4)))
        Image.fromarray(image).save(folder / f"{number}.png")
        means = [float(image[top:bottom, left:right].mean()) for left, top, right, bottom in BOXES]
        scores = {"boxes": json.dumps(BOXES), "box_scores": json.dumps([means[0], -means[1]])}
        split = "test" if number < 6 else "train"
        rows.append({"image": f"{number}.png", "score": 50.0, "split": split, "database": "mine", **scores})
    (folder / "6.png").write_bytes(b"")  # it trained the model, so nobody looks
    write_manifest(Manifest(pd.DataFrame(rows), folder / "m.csv", SCALE), folder / "manifest.csv")
    return folder


def tables(page):
    return [block for block in page.blocks if isinstance(block, Table)]


def rows(table):
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_figures_beside_the_papers(learned):
    page = paq2piq_page([result_of(read_run(learned), "mine")])
    _, pictures, patches, parameters = tables(page)
    assert rows(pictures)["mine"] == {
        "run": "mine",
        "validation SRCC": "0.7000",
        "paper validation SRCC": "0.259",
        "validation LCC": "undefined",
        "paper validation LCC": "0.242",
        "test SRCC": "0.5000",
        "paper test SRCC": "0.266",
        "test LCC": "0.6000",
        "paper test LCC": "0.223",
    }
    found = rows(patches)["mine"]
    assert (found["validation SRCC"], found["paper validation SRCC"]) == ("0.7500", "0.580")
    assert (found["test SRCC"], found["test LCC"]) == ("0.2500", "undefined")
    assert any(
        block.text == "20 % of the pictures' sides, 12 boxes:" for block in page.blocks if isinstance(block, Text)
    )
    assert (rows(parameters)["mine"]["all"], rows(parameters)["mine"]["paper all"]) == ("724,901", "724.90 K")
    assert not any(isinstance(block, Note) for block in page.blocks)


def test_boxes_that_no_report_has_are_scored(scored):
    told = []
    result = result_of(read_run(scored), "crops", progress=lambda what: told.append(what) or (lambda done, all: None))
    assert told == ["crops, boxes of test pictures"]
    assert result.errors == []
    assert {size: count for size, (count, _) in result.boxes["test"].items()} == {40: 6, 30: 6}
    np.testing.assert_allclose([result.boxes["test"][size][1][1] for size in (40, 30)], [1, -1], atol=1e-6)
    page = paq2piq_page([result])
    notes = [block.text for block in page.blocks if isinstance(block, Note)]
    assert notes == ["Not of FLIVE, so not comparable with the paper: crops."]
    assert rows(tables(page)[1])["crops"]["validation SRCC"] == "–"


def test_boxes_of_a_packed_folder_are_scored(scored):
    table = read_manifest(scored / "manifest.csv").table
    (scored / "6.png").write_bytes((scored / "7.png").read_bytes())
    pack_records(Manifest(table, scored / "m.csv", SCALE), scored / "packed", shards=2)
    data = json.loads((scored / "data.json").read_text())
    (scored / "data.json").write_text(json.dumps({**data, "manifests": [str(scored / "packed")]}))
    packed = read_labelled_pictures(scored / "packed")
    write_manifest(packed.manifest, scored / "manifest.csv")
    result = result_of(read_run(scored), "packed")
    assert result.errors == []
    assert {size: count for size, (count, _) in result.boxes["test"].items()} == {40: 6, 30: 6}


def test_the_command(learned, scored, tmp_path):
    (scored / "0.png").write_bytes(b"no picture")
    arguments = [str(learned), str(scored), "--output", str(tmp_path / "page.html")]
    told = CliRunner().invoke(paq2piq, arguments, catch_exceptions=False)
    assert told.exit_code == 3
    assert "0.png" in told.stderr
    text = (tmp_path / "page.html").read_text()
    assert "724,901" in text
    assert "could not be scored" in text


def test_a_run_without_boxes_says_so(learned):
    metrics = json.loads((learned / "metrics.json").read_text())
    for report in metrics["reports"].values():
        del report["boxes"]
    (learned / "metrics.json").write_text(json.dumps(metrics))
    page = paq2piq_page([result_of(read_run(learned), "mine")])
    assert "no boxes with scores: mine" in next(block.text for block in page.blocks if isinstance(block, Note))


def test_what_the_paper_calls_a_model():
    assert paper_name("nima", {"body": "mobilenet_v2", "output": "score"}) == "NIMA (MobileNet v2)"
    assert paper_name("nima", {"body": "mobilenet_v2", "output": "distribution"}) is None
    assert paper_name("nima", {"body": "mobilenet", "output": "score"}) is None
    assert paper_name("paq2piq_feedback", {"backbone": "resnet18"}) == "Feedback"
    assert paper_name("paq2piq_feedback", {"backbone": "resnet34"}) is None
    assert paper_name("spaq_bl", {"backbone": "resnet18"}) is None
    assert PICTURES.keys() == PARAMETERS.keys() == PATCHES[40].keys() == PATCHES[30].keys() == PATCHES[20].keys()


@pytest.mark.parametrize(
    ("name", "options", "paper"),
    [
        ("paq2piq_baseline", {}, "Baseline"),
        ("paq2piq_feedback", {}, "Feedback"),
        ("nima", {"body": "resnet18", "output": "score"}, "NIMA (ResNet-18)"),
    ],
)
def test_parameters_are_counted_as_in_table_8(name, options, paper):
    counted = parameters_of(tfiqa.build_model(name, **options))
    units = {"K": 1e3, "M": 1e6}
    ours = (counted.body, counted.scales + counted.head, counted.body + counted.scales + counted.head)
    for count, told in zip(ours, PARAMETERS[paper], strict=True):
        value, unit = told.split()
        assert f"{count / units[unit]:.2f}" == value


def test_labels_and_runs_given_twice(tmp_path):
    assert labels_of([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    assert labels_of([tmp_path / "x/a", tmp_path / "y/a"]) == [str(tmp_path / "x/a"), str(tmp_path / "y/a")]
    with pytest.raises(InvalidInput, match="no run folder"):
        CliRunner().invoke(paq2piq, [str(tmp_path), "--output", "p.md"], catch_exceptions=False)
