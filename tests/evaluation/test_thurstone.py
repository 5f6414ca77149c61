"""Probabilities and rank distributions of Thurstone's model, against brute force."""

from itertools import permutations

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import norm

from tfiqa.errors import InvalidInput
from tfiqa.evaluation import thurstone
from tfiqa.evaluation.thurstone import EXACT_PICTURES, probability_matrix, rank_pictures


def drawn_ranks(quality, deviation, draws, seed=0):
    """(draws, N) ranks of qualities drawn from the model."""
    values = quality + deviation * np.random.default_rng(seed).standard_normal((draws, len(quality)))
    return (-values).argsort(axis=1).argsort(axis=1) + 1


def pictures(count, spread, seed=1):
    """Sorted qualities, best first, with deviations around `spread`."""
    random = np.random.default_rng(seed)
    return np.sort(random.standard_normal(count))[::-1], spread * random.uniform(0.5, 2, count)


def test_the_matrix_is_the_formula():
    found = probability_matrix([1.0, 0.0, 0.5], [0.3, 0.4, 0.2])
    assert found[0, 1] == pytest.approx(norm.cdf(1 / 0.5), abs=1e-12)
    assert found[2, 0] == pytest.approx(norm.cdf(-0.5 / np.hypot(0.2, 0.3)), abs=1e-12)
    assert np.allclose(found + found.T, 1)
    assert (np.diag(found) == 0.5).all()


def test_pictures_without_deviation_are_sure():
    assert probability_matrix([1, 1, 0], [0, 0, 0]).tolist() == [[0.5, 0.5, 1], [0.5, 0.5, 1], [0, 0, 0.5]]


def test_two_pictures_have_one_probability():
    ranking = rank_pictures([0.2, 1.0], [0.5, 0.7], top=1)
    better = probability_matrix([1.0, 0.2], [0.7, 0.5])[0, 1]
    assert ranking.order.tolist() == [1, 0]
    assert ranking.better_than_next[0] == pytest.approx(better, abs=1e-12)
    assert np.isnan(ranking.better_than_next[1])
    assert ranking.among_best == pytest.approx([better, 1 - better], abs=1e-8)
    assert ranking.expected == pytest.approx([2 - better, 1 + better], abs=1e-12)


def test_a_sure_picture_among_unsure_ones():
    ranking = rank_pictures([0.03, 0.0], [0.0, 1.0], top=1)
    assert ranking.among_best == pytest.approx(norm.cdf([0.03, -0.03]), abs=1.3e-3)
    assert ranking.expected == pytest.approx(1 + norm.cdf([-0.03, 0.03]), abs=1e-12)


def test_deviations_below_the_resolution_of_numbers():
    ranking = rank_pictures(np.ones(EXACT_PICTURES + 1), np.full(EXACT_PICTURES + 1, 1e-30), top=1)
    assert ranking.expected == pytest.approx(np.full(EXACT_PICTURES + 1, 1 + EXACT_PICTURES / 2))


def test_three_pictures_against_the_integral_over_all_orders():
    quality, deviation = np.array([0.5, 0.0, -0.3]), np.array([1.0, 0.4, 0.7])
    grid = np.linspace(-5, 5, 121)
    weights = norm.pdf(grid) / norm.pdf(grid).sum()
    draws = [q + s * grid for q, s in zip(quality, deviation, strict=True)]
    mass = weights[:, None, None] * weights[:, None] * weights
    ranks = np.zeros((3, 3))
    for order in permutations(range(3)):
        a, b, c = (draws[i].reshape([-1 if axis == i else 1 for axis in range(3)]) for i in order)
        share = (mass * ((a > b) & (b > c))).sum()
        for place, picture in enumerate(order):
            ranks[picture, place] += share
    found = [rank_pictures(quality, deviation, top).among_best for top in (1, 2, 3)]
    assert np.transpose(found) == pytest.approx(np.cumsum(ranks, axis=1), abs=5e-3)
    assert found[2] == pytest.approx([1, 1, 1], abs=1e-12)


@pytest.mark.parametrize(("count", "spread"), [(20, 0.3), (EXACT_PICTURES + 1, 0.3), (300, 1.0)])
def test_many_pictures_against_draws(count, spread):
    quality, deviation = pictures(count, spread)
    top = count // 10
    ranking = rank_pictures(quality, deviation, top)
    ranks = drawn_ranks(quality, deviation, 10_000)
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="inverted_cdf")
    assert np.abs(ranking.low - low).max() <= 1 + 0.02 * count
    assert np.abs(ranking.high - high).max() <= 1 + 0.02 * count
    assert np.abs(ranking.among_best - (ranks <= top).mean(axis=0)).max() < 0.02
    inside = (ranks >= ranking.low) & (ranks <= ranking.high)
    assert inside.mean(axis=0).min() > 0.94
    exact = 0.5 + probability_matrix(quality, deviation).sum(axis=0)
    assert ranking.expected == pytest.approx(exact, abs=0.01)


def test_both_ways_agree_where_they_meet():
    quality, deviation = pictures(EXACT_PICTURES, 0.3)
    few, many = (way(quality, deviation, 10) for way in (thurstone._exact_ranks, thurstone._many_ranks))
    assert few[0] == pytest.approx(many[0], abs=1e-3)
    assert np.abs(few[1] - many[1]).max() <= 1
    assert np.abs(few[2] - many[2]).max() <= 1
    assert few[3] == pytest.approx(many[3], abs=2e-3)


@pytest.mark.parametrize("count", [5, EXACT_PICTURES + 20])
def test_without_deviations_ranks_are_sure_and_ties_share(count):
    quality = -np.arange(count, dtype=float)
    quality[1] = quality[2]
    ranking = rank_pictures(quality, np.zeros(count), top=2)
    assert ranking.order.tolist() == list(range(count))
    expected = np.arange(1.0, count + 1)
    expected[1:3] = 2.5
    assert ranking.expected == pytest.approx(expected, abs=1e-9)
    assert ranking.low.tolist()[:4] == [1, 2, 2, 4]
    assert ranking.high.tolist()[:4] == [1, 3, 3, 4]
    assert ranking.among_best[:4] == pytest.approx([1, 0.5, 0.5, 0], abs=1e-6)


def test_intervals_do_not_take_comparisons_for_independent():
    """Of many equal pictures each can take any place; sums of independent comparisons would stay near the middle."""
    ranking = rank_pictures(np.zeros(1000), np.ones(1000))
    assert ranking.low == pytest.approx(np.full(1000, 25), abs=3)
    assert ranking.high == pytest.approx(np.full(1000, 975), abs=3)


def test_one_picture_is_the_first():
    ranking = rank_pictures([0.3], [0.2], top=1)
    assert (ranking.expected[0], ranking.low[0], ranking.high[0], ranking.among_best[0]) == (1, 1, 1, pytest.approx(1))
    assert np.isnan(ranking.better_than_next[0])


def test_a_far_outlier_does_not_blur_the_rest():
    quality, deviation = pictures(2000, 0.05)
    quality = np.append(quality, -1e6)
    deviation = np.append(deviation, 1e3)
    ranking = rank_pictures(quality, deviation)
    pick = np.array([0, 10, 1000, 1990, 2000])
    exact = [1 + np.delete(ndtr((quality - quality[i]) / np.hypot(deviation, deviation[i])), i).sum() for i in pick]
    assert ranking.expected[pick] == pytest.approx(exact, abs=0.5)


@pytest.mark.parametrize(
    ("quality", "deviation", "top", "text"),
    [
        ([], [], None, "no pictures"),
        ([1.0], [0.1, 0.2], None, r"shape \(N,\)"),
        ([1.0, np.nan], [0.1, 0.2], None, "finite"),
        ([1.0, 2.0], [0.1, -0.2], None, "at least 0. Received: -0.2"),
        ([1.0, 2.0], [0.1, 0.2], 3, "between 1 and all 2 pictures. Asked for: 3"),
    ],
)
def test_what_cannot_be_ranked(quality, deviation, top, text):
    with pytest.raises(InvalidInput, match=text):
        rank_pictures(quality, deviation, top)
