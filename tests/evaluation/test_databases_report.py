"""Agreement database by database."""

import json

import numpy as np
import pytest

from tfiqa.evaluation.databases_report import evaluate_databases
from tfiqa.score_scale import ScoreScale

MOS, THURSTONE = ScoreScale(0, 100, True, "MOS"), ScoreScale(None, None, True, "Thurstone scale")


def report(predictions, scores, databases):
    return evaluate_databases(predictions, scores, databases, prediction_scale=THURSTONE, score_scale=MOS)


def test_averages_are_weighted_by_pictures():
    scores = np.arange(30.0)
    predictions = np.concatenate([np.arange(20.0) ** 3, -np.arange(10.0)])
    found = report(predictions, scores, ["a"] * 20 + ["b"] * 10)
    assert found.databases["a"].srcc == pytest.approx(1)
    assert found.databases["b"].srcc == pytest.approx(-1)
    assert found.average("srcc") == pytest.approx(1 / 3)
    assert found.pictures == 30
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["srcc"] == pytest.approx(1 / 3)
    assert values["databases"]["b"]["pictures"] == 10
    text = found.to_text()
    assert "weighted average        30  0.3333" in text
    assert text.index("\na ") < text.index("\nb ")


def test_scores_of_different_databases_never_meet():
    scores = np.concatenate([np.arange(10.0), np.arange(10.0)])
    shifted = scores + np.repeat([0, 1000], 10)
    assert report(shifted, scores, ["a"] * 10 + ["b"] * 10).average("srcc") == pytest.approx(1)


def test_a_database_without_an_order_leaves_no_average():
    found = report(np.arange(6.0), [1, 2, 3, 4, 5, 5.0], ["a"] * 4 + ["b"] * 2)
    assert found.average("srcc") is None
    assert "undefined" in found.to_text()
