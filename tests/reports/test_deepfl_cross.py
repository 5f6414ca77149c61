"""Table VI: who was trained on what, tested on what, and in which direction."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from head_features import HereRunner, planted

from tfiqa.cli.report import report
from tfiqa.databases.manifest import Manifest
from tfiqa.errors import InvalidInput
from tfiqa.reports.deepfl_cross import cross_matrix, cross_page
from tfiqa.reports.deepfl_paper import TABLE_6, TABLE_6_TESTED, table_6
from tfiqa.reports.page import to_html, to_markdown
from tfiqa.score_scale import ScoreScale
from tfiqa.training.heads import data
from tfiqa.training.recipe_files import read_recipe

RECIPE = read_recipe("deepfl_head_svr", ["repeats=3", "search.splits=1", "costs=[16]", "gammas=[0.0625]"])
DMOS = ScoreScale(0.0, 100.0, False, "planted DMOS")


def named(part, name):
    manifest = part.manifest
    return replace(part, manifest=Manifest(manifest.table.assign(database=name), None, manifest.scale))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Two that agree, one of them in DMOS, and one whose scores are told by other features."""
    folder = tmp_path_factory.mktemp("features")
    return [
        named(planted(folder / "a"), "kadid10k"),
        named(planted(folder / "b", seed=1, scale=DMOS), "live"),
        named(planted(folder / "c", seed=2, shift=7), "house_database"),
    ]


@pytest.fixture(scope="module")
def matrix(parts):
    return cross_matrix(RECIPE, parts, HereRunner())


def test_the_matrix_knows_who_agrees(matrix):
    srcc = np.array(matrix.srcc)
    assert srcc.shape == (3, 3)
    assert (np.diag(srcc) > 0.8).all()
    assert srcc[0, 1] > 0.8  # MOS against DMOS: turned so that agreement is positive
    assert srcc[1, 0] > 0.8
    assert (np.abs([srcc[0, 2], srcc[1, 2], srcc[2, 0], srcc[2, 1]]) < 0.5).all()


def test_the_others_are_tested_whole(parts, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "tfiqa.training.heads.task._srcc_elsewhere", lambda predictions, *_: seen.append(len(predictions)) or 0.5
    )
    found = cross_matrix(RECIPE, parts[:2], HereRunner())
    assert seen == [60] * 6
    assert found.srcc[0][1] == found.srcc[1][0] == 0.5


def test_the_page_prints_the_papers_figures_beside(matrix):
    text = to_markdown(cross_page(RECIPE, matrix), {})
    header = next(line for line in text.splitlines() if line.startswith("| trained on"))
    assert "| KADID-10k | paper: KADID-10k | LIVE | paper: LIVE | house_database |" in header
    row = next(line for line in text.splitlines() if line.startswith("| KADID-10k"))
    assert row.split("|")[2].strip() == f"{matrix.srcc[0][0]:.4f} own"
    assert [cell.strip() for cell in row.split("|")][3:8:2] == ["0.936", "0.894", "–"]
    assert "planted DMOS" in text
    assert '<td class="paper">0.894</td>' in to_html(cross_page(RECIPE, matrix))


def test_the_papers_table():
    assert all(len(row) == len(TABLE_6_TESTED) for row in TABLE_6.values())
    assert table_6("live_challenge", "koniq10k") == 0.734
    assert table_6("koniq10k", "live") == 0.920
    assert table_6("live", "live_challenge") is None
    assert table_6("biq2021", "live") is None


def test_what_does_not_go_together(parts):
    with pytest.raises(InvalidInput, match="features of different models"):
        data.check_alike(parts[0], replace(parts[1], model_sha256="another"))
    with pytest.raises(InvalidInput, match="different views of the pictures: 1 and 2"):
        data.check_alike(parts[0], replace(parts[1], views=("0_0_0", "0_0_1")))
    with pytest.raises(InvalidInput, match="kadid10k is given twice"):
        cross_matrix(RECIPE, [parts[0], named(parts[1], "kadid10k")], HereRunner())


def test_usage(tmp_path):
    one = CliRunner().invoke(report, ["deepfl-cross", str(tmp_path), "--output", str(tmp_path / "page.md")])
    assert one.exit_code == 2
    assert "at least two folders" in one.output
    pdf = CliRunner().invoke(report, ["deepfl-cross", "a", "b", "--output", str(tmp_path / "page.pdf")])
    assert pdf.exit_code == 2
