"""Thresholds and levels against plain loops, and the search's own properties."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import scene

from tfiqa.distortions import apply
from tfiqa.distortions.family import Call
from tfiqa.distortions.nelder_mead import nelder_mead
from tfiqa.distortions.otsu_thresholds import otsu_thresholds
from tfiqa.distortions.quantization import quantization

THRESHOLDS = (20, 16, 13, 10, 7)
RANDOM = np.random.default_rng(0)


def histogram(picture):
    return np.bincount(picture.reshape(-1), minlength=256)


# Plain loops.


def slow_variance(counts, thresholds):
    """Between the classes that end with each threshold; sums in order."""
    total = sum(counts)
    mean = 0.0
    for level, count in enumerate(counts):
        mean += level * (count / total)
    variance, first = 0.0, 0
    for last in [*thresholds, 255]:
        weight = summed = 0.0
        for level in range(first, last + 1):
            weight += counts[level] / total
            summed += counts[level] / total * level
        if weight > 0:
            variance += weight * (summed / weight - mean) ** 2
        first = last + 1
    return variance


def slow_thresholds(counts, number):
    counts = [int(count) for count in counts]

    def value_of(point):
        rounded = [math.floor(coordinate + 0.5) for coordinate in point]
        if any(low >= high for low, high in itertools.pairwise([0, *rounded, 255])):
            return math.inf
        return -slow_variance(counts, rounded)

    def between(first, second, far):
        """On the line from `first`, at 0, to `second`, at 1."""
        return [(1 - far) * a + far * b for a, b in zip(first, second, strict=True)]

    start = np.linspace(0, 255, number + 2)[1:-1].tolist()
    corners = [(value_of(start), start)]
    for axis in range(number):
        point = [coordinate * 1.05 if i == axis else coordinate for i, coordinate in enumerate(start)]
        corners.append((value_of(point), point))
    evaluations, steps = len(corners), 1
    while True:
        corners.sort(key=lambda corner: corner[0])
        best_value, best = corners[0]
        spread = max(abs(a - b) for _, point in corners for a, b in zip(point, best, strict=True))
        if (corners[-1][0] - best_value <= 1e-4 and spread <= 1) or max(evaluations, steps) >= 200 * number:
            return [math.floor(coordinate + 0.5) for coordinate in best]
        steps += 1
        worst_value, worst = corners[-1]
        middle = []
        for axis in range(number):
            total = 0.0
            for _, point in corners[:-1]:
                total += point[axis]
            middle.append(total / number)
        reflected = between(middle, worst, -1)
        value = value_of(reflected)
        evaluations += 1
        if value < best_value:
            expanded = between(middle, worst, -2)
            expanded_value = value_of(expanded)
            evaluations += 1
            corners[-1] = (expanded_value, expanded) if expanded_value < value else (value, reflected)
        elif value < corners[-2][0]:
            corners[-1] = (value, reflected)
        else:
            contracted = between(middle, worst, -0.5 if value < worst_value else 0.5)
            contracted_value = value_of(contracted)
            evaluations += 1
            if contracted_value <= value if value < worst_value else contracted_value < worst_value:
                corners[-1] = (contracted_value, contracted)
            else:
                corners[1:] = [(value_of(p), p) for p in (between(best, point, 0.5) for _, point in corners[1:])]
                evaluations += number


def slow_quantization(picture, thresholds):
    quantized = np.empty_like(picture)
    for place, value in np.ndenumerate(picture):
        beyond = sum(value > threshold / 255.0 for threshold in thresholds)
        if beyond == 0:
            quantized[place] = 0
        else:
            quantized[place] = 1 if beyond == len(thresholds) else thresholds[beyond] / 255.0
    return quantized


@pytest.mark.parametrize("number", THRESHOLDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_thresholds_are_those_of_plain_loops(seed, number):
    counts = histogram(scene(seed))
    assert otsu_thresholds(counts, number).tolist() == slow_thresholds(counts, number)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(0, 255))
def test_thresholds_increase_and_the_search_does_not_lose(seed, number, empty):
    counts = np.random.default_rng(seed).integers(0, 50, 256)
    counts[:empty] = 0
    counts[-1] = 1
    thresholds = otsu_thresholds(counts, number).tolist()
    assert len(thresholds) == number
    assert thresholds == sorted(set(thresholds))
    assert thresholds[0] >= 1
    assert thresholds[-1] <= 254
    start = np.floor(np.linspace(0, 255, number + 2)[1:-1] + 0.5).astype(int).tolist()
    assert slow_variance(counts.tolist(), thresholds) >= slow_variance(counts.tolist(), start) - 1e-9


def test_two_heaps_are_told_apart():
    counts = np.zeros(256, int)
    counts[40:61] = 10
    counts[180:201] = 10
    (threshold,) = otsu_thresholds(counts, 1)
    assert 60 <= threshold < 180


def test_search_finds_the_bottom_of_a_bowl():
    bottom = np.array([3.0, -1.0, 2.0])
    found = nelder_mead(
        lambda point: float(((point - bottom) ** 2).sum()),
        [1.0, 1.0, 1.0],
        point_tolerance=1e-6,
        value_tolerance=1e-12,
        most=1000,
    )
    np.testing.assert_allclose(found, bottom, atol=1e-5)


def test_search_ends_after_so_many_evaluations():
    points = []

    def function(point):
        points.append(point)
        return -float(point.sum())

    nelder_mead(function, [1.0, 1.0], point_tolerance=0, value_tolerance=0, most=50)
    assert 50 <= len(points) <= 51


@pytest.mark.parametrize("number", THRESHOLDS)
def test_quantization_is_that_of_plain_loops(number):
    picture = scene(4, 32, 40) / 255.0
    expected = slow_quantization(picture, slow_thresholds(histogram(scene(4, 32, 40)), number))
    np.testing.assert_array_equal(quantization(Call(picture, number, RANDOM)), expected)


def test_values_between_the_bytes_are_compared_as_they_are():
    picture = scene(5, 32, 40) / 255.0
    thresholds = slow_thresholds(histogram(scene(5, 32, 40)), 7)
    picture[0, 0] = (thresholds[3] + 0.3) / 255.0  # in that threshold's byte, but beyond it
    expected = slow_quantization(picture, otsu_thresholds(histogram(np.floor(255 * picture + 0.5).astype(int)), 7))
    np.testing.assert_array_equal(quantization(Call(picture, 7, RANDOM)), expected)
    assert expected[0, 0, 0] == thresholds[4] / 255.0


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_levels_of_a_picture_that_does_not_span_the_range(level):
    picture = (scene(6) // 3 + 50).astype(np.uint8)
    distorted = apply("quantization", picture, level=level)
    assert (distorted.min(), distorted.max()) == (0, 255)
    assert 2 < len(np.unique(distorted)) <= THRESHOLDS[level - 1] + 1
    order = np.argsort(picture, axis=None)
    assert np.diff(distorted.reshape(-1)[order].astype(int)).min() >= 0


def test_few_levels_stay():
    picture = np.array([0, 3, 130, 255], np.uint8)[RANDOM.integers(0, 4, (32, 35, 3))]
    np.testing.assert_array_equal(apply("quantization", picture, level=5), picture)
    two = np.where(picture > 3, 90, 60).astype(np.uint8)
    np.testing.assert_array_equal(apply("quantization", two, level=1), np.where(two == 90, 255, 0))
    constant = np.full((32, 32, 3), 77, np.uint8)
    np.testing.assert_array_equal(apply("quantization", constant, level=1), constant)


def test_grey_stays_grey():
    assert np.ptp(apply("quantization", scene(3)[..., 1], level=4), axis=2).max() == 0


def test_bands_do_not_show(monkeypatch):
    call = Call(scene(2) / 255.0, 10, RANDOM)
    expected = quantization(call)
    monkeypatch.setattr("tfiqa.distortions.quantization.BAND", 7)
    np.testing.assert_array_equal(quantization(call), expected)


def test_reference_outputs(shared):
    reference_outputs = pytest.importorskip("reference_outputs", exc_type=ImportError)
    rows = [row for row in reference_outputs.rows(shared) if row["name"] == "quantization"]
    assert len(rows) == 10
    for row in rows:
        distorted = apply("quantization", reference_outputs.photograph(row["photo"]), level=row["level"])
        assert reference_outputs.is_equal(distorted, row), (row["photo"], row["level"])
