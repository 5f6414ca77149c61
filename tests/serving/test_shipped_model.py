"""The model that comes with tfiqa: how it is found, and what it is."""

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from shipped_stand_in import stand_in

from tfiqa.errors import InvalidInput
from tfiqa.serving.model_card import MODEL_CARD
from tfiqa.serving.scorer import Scorer, find_model
from tfiqa.serving.shipped_model import SHIPPED, shipped_model, shipped_models_folder

MOST_BYTES = 20_000_000


@pytest.fixture
def base(monkeypatch):
    return stand_in(monkeypatch)


@pytest.fixture
def grey(tmp_path):
    path = tmp_path / "grey.png"
    Image.new("RGB", (100, 80), (70, 70, 70)).save(path)
    return path


def test_it_lies_in_the_package_wherever_the_current_folder_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped_models_folder().is_absolute()
    assert "layout" in (shipped_models_folder() / "__init__.py").read_text()


@pytest.mark.parametrize("arguments", [(), (SHIPPED,)])
def test_a_scorer_without_a_name_and_by_name(arguments, base, grey):
    scorer = Scorer.load(*arguments)
    assert scorer.source == base / "1"
    assert scorer.columns == ("quality", "rating")
    assert scorer.score(grey) == {"quality": 70, "rating": "good"}
    (row,) = scorer.rows([grey])
    assert row == {"path": str(grey), "quality": 70, "rating": "good", "error": None}


def test_the_newest_version_counts(base, tmp_path, monkeypatch):
    shutil.copytree(base / "1", tmp_path / SHIPPED / "2")
    (tmp_path / SHIPPED / "3").mkdir()
    stand_in(monkeypatch, tmp_path)
    assert Scorer.load().source == tmp_path / SHIPPED / "2"


def test_a_path_of_that_name_comes_before_the_name_but_is_no_default(base, tmp_path, monkeypatch):
    (tmp_path / SHIPPED).mkdir()
    (tmp_path / SHIPPED / "model.keras").touch()
    monkeypatch.chdir(tmp_path)
    assert find_model(Path(SHIPPED)) == Path(SHIPPED) / "model.keras"
    assert Scorer.load().source == base / "1"


def test_where_it_is_missing_one_line_says_so(tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path)
    (tmp_path / SHIPPED / "1").mkdir(parents=True)  # and no graph in it
    for load in (shipped_model, Scorer.load, lambda: find_model(Path(SHIPPED))):
        with pytest.raises(
            InvalidInput, match=r"lacks its own model, tfiqa_small: there is no .*install tfiqa anew"
        ) as caught:
            load()
        assert "\n" not in str(caught.value)


def test_where_the_folder_is_not_installed_one_line_says_so(monkeypatch):
    monkeypatch.setattr("tfiqa.serving.shipped_model.PACKAGE", "tfiqa.no_such_models")
    with pytest.raises(
        InvalidInput, match=r"lacks its own model, tfiqa_small: it has no package tfiqa\.no_such_models"
    ):
        Scorer.load()


@pytest.fixture
def real():
    """The base folder of the model that really comes with tfiqa."""
    return shipped_model()


def test_the_real_one_is_small_enough_for_a_package(real):
    assert sum(path.stat().st_size for path in real.rglob("*") if path.is_file()) <= MOST_BYTES


def test_the_real_ones_card_names_its_training_data(real):
    card = (find_model(real) / MODEL_CARD).read_text(encoding="utf-8")
    training = card.partition("\n## Training\n")[2].partition("\n## ")[0]
    assert "Data" in training
    assert "Not recorded" not in training


def test_the_real_one_scores_photographs(real, tmp_path):
    from skimage import data

    photograph = Image.fromarray(data.astronaut())
    photograph.save(tmp_path / "photograph.png")
    photograph.filter(ImageFilter.GaussianBlur(8)).save(tmp_path / "blurred.png")
    scorer = Scorer.load()
    assert scorer.source.parent == real
    assert (scorer.info.model, scorer.info.protocol.resize) == (SHIPPED, "shorter_side:512")
    scale = scorer.info.scale
    assert (scale.low, scale.high, scale.higher_is_better, scale.words) == (0, 100, True, True)
    assert scorer.columns == ("quality", "uncertainty", "rating")
    sharp, blurred = (scorer.score(tmp_path / name) for name in ("photograph.png", "blurred.png"))
    for scores in (sharp, blurred):
        assert 0 <= scores["quality"] <= 100
        assert 0 < scores["uncertainty"] < 100
        assert scores["rating"] in ("bad", "poor", "fair", "good", "excellent")
    assert sharp["quality"] > blurred["quality"]
