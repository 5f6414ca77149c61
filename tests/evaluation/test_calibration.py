"""Fidelity loss and calibration over pairs."""

import json
import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import norm

from tfiqa.errors import InvalidInput
from tfiqa.evaluation import calibration
from tfiqa.evaluation.calibration import calibrate, fidelity_losses
from tfiqa.score_scale import ScoreScale

THURSTONE = ScoreScale(None, None, True, "Thurstone scale")
MOS = ScoreScale(0, 100, True, "MOS")
DMOS = ScoreScale(0, 100, False, "DMOS")


def calibrated(quality, uncertainty, scores, deviations=None, scale=MOS, **more):
    return calibrate(quality, uncertainty, scores, deviations, prediction_scale=THURSTONE, score_scale=scale, **more)


def sample(count, seed=0):
    random = np.random.default_rng(seed)
    scores = random.uniform(0, 100, count)
    return scores, random.uniform(5, 20, count), scores / 10 + random.normal(0, 2, count), random.uniform(0.5, 2, count)


def test_fidelity_loss_at_its_ends():
    p = np.array([0.3, 1.0, 0.0, 0.5])
    assert fidelity_losses(p, p) == pytest.approx(0, abs=1e-12)
    assert fidelity_losses(np.array([1.0, 0.0]), np.array([0.0, 1.0])).tolist() == [1, 1]
    assert fidelity_losses(np.array([0.5]), np.array([1.0]))[0] == pytest.approx(1 - math.sqrt(0.5))


def test_against_a_plain_loop():
    scores, deviations, quality, uncertainty = sample(12)
    found = calibrated(quality, uncertainty, scores, deviations)
    losses, gaps = [], {}
    for i, j in combinations(range(12), 2):
        p = norm.cdf((quality[i] - quality[j]) / math.hypot(uncertainty[i], uncertainty[j]))
        g = norm.cdf((scores[i] - scores[j]) / math.hypot(deviations[i], deviations[j]))
        losses.append(1 - math.sqrt(p * g) - math.sqrt((1 - p) * (1 - g)))
        for both in ((p, g), (1 - p, 1 - g)):
            gaps.setdefault(int(both[0] * 10), []).append(both)
    assert (found.pictures, found.pairs, found.possible, found.truth) == (12, 66, 66, "thurstone")
    assert found.fidelity == pytest.approx(np.mean(losses), abs=1e-12)
    for number, each in enumerate(found.bins):
        assert each.pairs == len(gaps.get(number, []))
        if each.pairs:
            assert (each.predicted, each.true) == pytest.approx(tuple(np.mean(gaps[number], axis=0)), abs=1e-12)
    error = sum(abs(np.sum([p - g for p, g in pairs])) for pairs in gaps.values()) / 132
    assert found.error == pytest.approx(error, abs=1e-12)


def test_the_same_probabilities_are_perfect_on_any_scale():
    scores, deviations, *_ = sample(40)
    found = calibrated(3 + scores / 50, deviations / 50, scores, deviations)
    assert found.fidelity == pytest.approx(0, abs=1e-9)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert found.deviation_srcc == pytest.approx(1)
    turned = calibrated(3 + scores / 50, deviations / 50, 100 - scores, deviations, DMOS)
    assert turned.fidelity == pytest.approx(0, abs=1e-9)


def test_an_overconfident_model_shows():
    scores, deviations, *_ = sample(60)
    honest = calibrated(scores, deviations, scores, deviations)
    bold = calibrated(scores, deviations / 10, scores, deviations)
    assert bold.error > 0.1 > honest.error
    assert bold.fidelity > honest.fidelity + 0.02


def test_the_order_of_the_pictures_does_not_matter():
    scores, deviations, quality, uncertainty = sample(30)
    back = slice(None, None, -1)
    one = calibrated(quality, uncertainty, scores, deviations)
    other = calibrated(quality[back], uncertainty[back], scores[back], deviations[back])
    assert one.fidelity == pytest.approx(other.fidelity)
    assert one.error == pytest.approx(other.error)


def test_without_deviations_the_truth_is_binary_and_ties_count_half():
    found = calibrated([2.0, 1.0, 0.0], [0.0, 0.0, 0.0], [5, 5, 1])
    assert found.truth == "binary"
    assert found.deviation_srcc is None
    losses = [1 - math.sqrt(0.5), 0, 0]  # the pair of equal scores, of which the model is sure
    assert found.fidelity == pytest.approx(np.mean(losses))
    assert "equal scores count 1/2" in found.to_text()
    assert calibrated([2.0, 1.0], [1, 1], [5, 1], [np.nan, np.nan]).truth == "binary"


def test_zero_deviations_are_sure():
    found = calibrated([2.0, 1.0], [0.0, 0.0], [1, 2], [0.0, 0.0])
    assert (found.truth, found.fidelity, found.error) == ("thurstone", 1, 1)
    assert math.isnan(found.deviation_srcc)
    assert "undefined" in found.to_text()


def test_some_missing_deviations_leave_pictures_out():
    scores, deviations, quality, uncertainty = sample(10)
    deviations[[2, 5]] = np.nan
    found = calibrated(quality, uncertainty, scores, deviations, source="from a table")
    kept = ~np.isnan(deviations)
    assert (found.pictures, found.left_out) == (8, 2)
    assert found.fidelity == calibrated(quality[kept], uncertainty[kept], scores[kept], deviations[kept]).fidelity
    assert "(from a table); 2 pictures without score_std left out" in found.to_text()


@pytest.mark.parametrize("deviations", [None, [3.0]])
def test_one_picture_has_no_pairs(deviations):
    found = calibrated([1.0], [0.5], [50.0], deviations)
    assert found.pairs == 0
    assert math.isnan(found.fidelity)
    assert math.isnan(found.error)
    assert "a pair needs two pictures" in found.to_text()
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert written["fidelity"] is None
    assert written["bins"][0] == {"low": 0.0, "high": 0.1, "pairs": 0, "predicted": None, "true": None}


def test_of_many_pictures_pairs_are_drawn(monkeypatch):
    scores, deviations, quality, uncertainty = sample(200)
    all_pairs = calibrated(quality, uncertainty, scores, deviations)
    monkeypatch.setattr(calibration, "MOST_PAIRS", 5000)
    one, again, other = (calibrated(quality, uncertainty, scores, deviations, seed=seed) for seed in (1, 1, 2))
    assert (one.pairs, one.possible) == (5000, 19900)
    assert one == again
    assert one.fidelity != other.fidelity
    assert one.fidelity == pytest.approx(all_pairs.fidelity, abs=0.01)
    assert "5,000 pairs of 200 pictures (drawn from 19,900, seed 1)" in one.to_text()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([1.0, 2.0], [0.1, 0.1], [1.0, np.nan]), "scores must be finite"),
        (([1.0, np.inf], [0.1, 0.1], [1.0, 2.0]), "predictions must be finite"),
        (([1.0, 2.0], [0.1, -0.1], [1.0, 2.0]), "uncertainty is a standard deviation"),
        (([1.0, 2.0], [0.1, 0.1], [1.0, 2.0], [1.0, -1.0]), "score_std is a standard deviation"),
        (([1.0, 2.0], [0.1, 0.1], [1.0, 2.0], [1.0]), "as many deviations"),
    ],
)
def test_what_cannot_be_compared(arguments, text):
    with pytest.raises(InvalidInput, match=text):
        calibrated(*arguments)


def test_pairs_of_different_databases_are_not_compared():
    halves = [sample(8, seed) for seed in (1, 2)]
    scores, deviations, quality, uncertainty = (np.concatenate(both) for both in zip(*halves, strict=True))
    found = calibrated(quality, uncertainty, scores, deviations, databases=["a"] * 8 + ["b"] * 8)
    alone = [calibrated(q, u, s, d) for s, d, q, u in halves]
    assert (found.pairs, found.possible) == (56, 56)
    assert found.fidelity == pytest.approx((alone[0].fidelity + alone[1].fidelity) / 2)
    assert calibrated([1.0, 2.0], [1.0, 1.0], [3.0, 4.0], databases=["a", "b"]).pairs == 0
