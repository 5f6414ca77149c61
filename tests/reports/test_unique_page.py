"""The page of UNIQUE's evaluations, from a scorer without its network."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from uncertain_scorer import named_pictures, uncertain_scorer

from tfiqa.cli.report.unique import unique
from tfiqa.databases.manifest import Manifest, write_manifest
from tfiqa.databases.opinion_deviations import with_deviations
from tfiqa.errors import InvalidInput
from tfiqa.reports import unique_paper
from tfiqa.reports.page import Figure, Note, Table, Text
from tfiqa.reports.unique import unique_page
from tfiqa.reports.unique_results import databases_of, evaluate_models
from tfiqa.score_scale import ScoreScale
from tfiqa.serving import scorer as scorer_module


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Manifests of pictures whose scores agree with their names: a MOS with deviations, and a longer DMOS without any."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name, count, scale in (
        ("koniq10k", 6, ScoreScale(1.0, 5.0, True, "MOS")),
        ("live", 12, ScoreScale(0.0, 100.0, False, "DMOS")),
    ):
        (tmp_path / name).mkdir()
        numbers = [(round(q, 3), round(s, 3)) for q, s in random.uniform([1, 0.2], [5, 0.6], (count, 2))]
        images = named_pictures(tmp_path / name, numbers)
        quality, deviation = np.transpose(numbers)
        score = quality if scale.higher_is_better else 100 - 10 * quality
        table = pd.DataFrame({"image": map(str, images), "score": score, "score_std": deviation, "database": name})
        bare = table if scale.higher_is_better else table.drop(columns="score_std")
        write_manifest(Manifest(bare, None, scale), f"{name}.csv")
        write_manifest(with_deviations(Manifest(table.drop(columns="score_std"), None, scale), 0.2), f"{name}_sos.csv")
    scorers = {}

    def load(source, **_):
        return scorers.setdefault(
            source, uncertain_scorer(tmp_path / source.name, uncertainty=source.name != "plain.keras")
        )

    monkeypatch.setattr(scorer_module.Scorer, "load", load)
    return tmp_path


def page_of(here, manifests, models):
    databases = databases_of([here / name for name in manifests], None)
    return unique_page(evaluate_models([here / name for name in models], databases, here / "scores"), databases)


def criterion(page, title):
    """The table under the line that begins so, by database."""
    place = next(n for n, block in enumerate(page.blocks) if isinstance(block, Text) and block.text.startswith(title))
    table = page.blocks[place + 1]
    assert isinstance(table, Table)
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def notes(page):
    return " ".join(block.text for block in page.blocks if isinstance(block, Note))


def test_tables_beside_the_papers(here):
    page = page_of(here, ["koniq10k.csv", "live.csv"], ["m.keras"])
    srcc = criterion(page, "SRCC (table IV)")
    assert srcc["KonIQ-10k"] == {"database": "KonIQ-10k", "pictures": "6", "m": "1.0000", "paper": "0.896"}
    assert (srcc["LIVE"]["paper"], srcc["weighted"]["paper"]) == ("0.969", "–")
    fidelity = criterion(page, "Fidelity loss (table V)")
    assert (fidelity["KonIQ-10k"]["m"], fidelity["KonIQ-10k"]["paper (without hinge)"]) == ("0.0000", "0.026")
    assert fidelity["LIVE"]["paper (without hinge)"] == "–"  # by the scores alone
    assert fidelity["weighted"]["m"] == "–"
    assert criterion(page, "SRCC of the predicted")["KonIQ-10k"]["m"] == "1.0000"


def test_weights_are_pictures_and_several_models_have_a_median(here):
    page = page_of(here, ["koniq10k_sos.csv", "live_sos.csv"], ["m.keras", "n.keras"])
    losses = criterion(page, "Fidelity loss")
    one, two = (float(losses[name]["m"]) for name in ("KonIQ-10k", "LIVE"))
    assert float(losses["weighted"]["m"]) == pytest.approx((6 * one + 12 * two) / 18, abs=1e-4)
    assert losses["LIVE"]["median"] == losses["LIVE"]["n"] == losses["LIVE"]["m"]
    assert losses["KonIQ-10k"]["paper (without hinge)"] == "–"  # estimates are not what the paper compares with
    assert "KonIQ-10k: score_std of 6 of 6 pictures is estimated" in notes(page)


def test_figures(here):
    page = page_of(here, ["koniq10k.csv", "live.csv"], ["m.keras"])
    figures = {block.name: block.png for block in page.blocks if isinstance(block, Figure)}
    assert list(figures) == ["figure_3", "figure_6_m", "reliability_m"]
    sizes = {name: Image.open(io.BytesIO(png)).size for name, png in figures.items()}
    assert sizes["figure_6_m"][0] == 2 * sizes["figure_3"][0]  # LIVE has no deviations here
    assert "No score_std: LIVE" in notes(page)


def test_a_model_without_uncertainty(here):
    page = page_of(here, ["koniq10k.csv"], ["plain.keras"])
    assert criterion(page, "SRCC (table IV)")["KonIQ-10k"]["plain"] == "1.0000"
    assert not [block for block in page.blocks if isinstance(block, Text) and block.text.startswith("Fidelity loss")]
    assert "does not tell its uncertainty" in notes(page)


def test_one_picture_is_undefined(here):
    lines = (here / "koniq10k.csv").read_text().splitlines()
    (here / "one.csv").write_text("\n".join(lines[:2]) + "\n")
    page = page_of(here, ["one.csv"], ["m.keras"])
    assert criterion(page, "Fidelity loss")["KonIQ-10k"]["m"] == "undefined"
    assert criterion(page, "SRCC (table IV)")["weighted"]["m"] == "undefined"


def test_equal_names_are_told_apart(here):
    databases = databases_of([here / "koniq10k.csv", here / "koniq10k_sos.csv"], None)
    assert len({database.label for database in databases}) == 2
    assert all(database.label.startswith("KonIQ-10k (") for database in databases)


def test_the_command_keeps_scores(here):
    (here / "koniq10k" / "broken.png").write_text("x")
    with open("koniq10k.csv", "a") as manifest:
        manifest.write("koniq10k/broken.png,3,0.1,koniq10k,1.0,5.0,higher,MOS\n")
    arguments = ["--data", "koniq10k.csv", "--data", "live.csv", "--model", "m.keras", "--output", "out"]

    def run():
        return CliRunner().invoke(unique, arguments, catch_exceptions=False)

    result = run()
    assert result.exit_code == 3
    assert "left out: " in result.stderr
    kept = sorted(path.name for path in (here / "out" / "scores").iterdir())
    assert [name.rsplit("-", 1)[0] for name in kept] == ["m_KonIQ-10k", "m_LIVE"]
    assert (here / "out" / "figure_6_m.png").is_file()
    first = (here / "out" / "index.html").read_text()
    assert "1 pictures of KonIQ-10k, which are left out" in first
    predictor = scorer_module.Scorer.load(Path("m.keras")).predictor
    asked = predictor.asked
    run()
    assert (here / "out" / "index.html").read_text() == first
    assert predictor.asked == asked + 1  # the broken one
    Image.new("RGB", (9, 9)).save(next((here / "live").glob("*.png")))
    run()
    assert predictor.asked == asked + 3
    assert sorted(path.name for path in (here / "out" / "scores").iterdir()) == kept


def test_nothing_is_given_twice(here):
    with pytest.raises(InvalidInput, match=r"koniq10k\.csv is given twice"):
        databases_of([here / "koniq10k.csv", here / "live.csv", here / "live" / ".." / "koniq10k.csv"], None)
    with pytest.raises(InvalidInput, match=r"m\.keras is given twice"):
        page_of(here, ["koniq10k.csv"], ["m.keras", "m.keras"])


def test_models_of_measures_are_refused(here, monkeypatch):
    scorer = scorer_module.Scorer.load(here / "m.keras")  # the one that the next call gives again
    monkeypatch.setattr(scorer, "info", replace(scorer.info, columns={"vsi": ("vsi",)}))
    with pytest.raises(InvalidInput, match="predicts no quality"):
        page_of(here, ["koniq10k.csv"], ["m.keras"])


def test_the_papers_numbers():
    six = {"live", "csiq", "kadid10k", "bid", "live_challenge", "koniq10k"}
    for table in (unique_paper.SRCC, unique_paper.PLCC, unique_paper.FIDELITY_WITHOUT_HINGE, unique_paper.NAMES):
        assert set(table) == six
    pictures = {"live": 779, "csiq": 866, "kadid10k": 10_125, "bid": 586, "live_challenge": 1_162, "koniq10k": 10_073}
    total = sum(pictures.values())
    for table, weighted in (
        (unique_paper.SRCC, unique_paper.SRCC_WEIGHTED),
        (unique_paper.FIDELITY_WITHOUT_HINGE, unique_paper.FIDELITY_WITHOUT_HINGE_WEIGHTED),
    ):
        assert sum(table[name] * count for name, count in pictures.items()) / total == pytest.approx(
            weighted, abs=1.5e-3
        )
