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
def matrix(parts, tmp_path_factory):
    return cross_matrix(RECIPE, parts, HereRunner(), tmp_path_factory.mktemp("work"))


def test_the_matrix_knows_who_agrees(matrix):
    srcc = np.array(matrix.srcc)
    assert srcc.shape == (3, 3)
    assert (np.diag(srcc) > 0.8).all()
    assert srcc[0, 1] > 0.8  # MOS against DMOS: turned so that agreement is positive
    assert srcc[1, 0] > 0.8
    assert (np.abs([srcc[0, 2], srcc[1, 2], srcc[2, 0], srcc[2, 1]]) < 0.5).all()


def test_the_others_are_tested_whole(parts, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(
        "tfiqa.training.heads.task._srcc_elsewhere", lambda predictions, *_: seen.append(len(predictions)) or 0.5
    )
    found = cross_matrix(RECIPE, parts[:2], HereRunner(), tmp_path)
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


def test_the_page_says_how_it_was_split(matrix):
    own = "differ in the seed of their training. A head is trained on what a database's manifest marks as train"
    drawn = "the median of 3 splits. A head is trained on 60% of a database, chosen on 20%, and tested on the other 20% of it"
    assert drawn in to_markdown(cross_page(RECIPE, matrix), {})
    recipe = read_recipe("deepfl_head", ["repeats=3", "from_manifest=true"])
    text = to_markdown(cross_page(recipe, matrix), {})
    assert own in text
    assert "60%" not in text


def test_folders_tell_databases_without_a_name_apart(parts, tmp_path):
    seen = []

    class Looking(HereRunner):
        def run(self, function, items, *, initializer=None):
            seen.extend(path.name for path in (tmp_path / "new/work").iterdir())
            return super().run(function, items)

    folders = ("live", "a/koniq/mlsp", "b/kadid/mlsp")
    several = [parts[1], *(planted(tmp_path / folder, seed=seed) for seed, folder in enumerate(folders, start=3))]
    found = cross_matrix(RECIPE, several, Looking(), tmp_path / "new/work")
    last = tmp_path.name
    assert [each.name for each in found.databases] == ["live", f"{last}/live", "koniq/mlsp", "kadid/mlsp"]
    # What the workers read lies in the given folder, and nothing of it stays.
    assert len(set(seen)) == 1
    assert seen[0].startswith(".tfiqa_cross_")
    assert list((tmp_path / "new/work").iterdir()) == []


def test_pictures_in_two_databases_are_told(parts, tmp_path):
    said = []
    pictures = parts[2].pictures.copy()
    pictures.loc[:6, "sha256"] = parts[0].pictures["sha256"][:7]
    cross_matrix(RECIPE, [*parts[:2], replace(parts[2], pictures=pictures)], HereRunner(), tmp_path, say=said.append)
    warnings = [line for line in said if line.startswith("warning")]
    assert len(warnings) == 1
    assert "7 files are both in KADID-10k and house_database" in warnings[0]


def test_what_does_not_go_together(parts, tmp_path):
    with pytest.raises(InvalidInput, match="features of different models"):
        data.check_alike(parts[0], replace(parts[1], model_sha256="another"))
    with pytest.raises(InvalidInput, match="different views of the pictures: 1 and 2"):
        data.check_alike(parts[0], replace(parts[1], views=("0_0_0", "0_0_1")))
    with pytest.raises(InvalidInput, match="computed in float32 and bfloat16; extract both with the same --precision"):
        data.check_alike(parts[0], replace(parts[1], precision="bfloat16"))
    with pytest.raises(InvalidInput, match="kadid10k is given twice"):
        cross_matrix(RECIPE, [parts[0], named(parts[1], "kadid10k")], HereRunner(), tmp_path)


def test_usage(tmp_path):
    one = CliRunner().invoke(report, ["deepfl-cross", str(tmp_path), "--output", str(tmp_path / "page.md")])
    assert one.exit_code == 2
    assert "at least two folders" in one.output
    for setting in ("repeats=9", "split.repeats=9", "split={repeats: 9}"):
        own = CliRunner().invoke(report, ["deepfl-cross", "a", "b", "--output", "page.md", "--set", setting])
        assert own.exit_code == 2
        assert "--repeats says how many splits" in " ".join(own.output.split())
    pdf = CliRunner().invoke(report, ["deepfl-cross", "a", "b", "--output", str(tmp_path / "page.pdf")])
    assert pdf.exit_code == 2
