import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from statistics_by_hand import aggd, ggd, normalised, texture

from tfiqa.errors import InvalidInput
from tfiqa.models.baselines import natural_scene_statistics as statistics


def inverse_row():
    """First row of the inverse of NTSC's matrix, by cofactors, exactly."""
    (a, b), (c, d), (e, f) = [
        (Fraction(one), Fraction(other)) for one, other in ((".956", ".621"), ("-.272", "-.647"), ("-1.106", "1.703"))
    ]
    cofactors = (c * f - d * e, b * e - a * f, a * d - b * c)
    return [cofactor / sum(cofactors) for cofactor in cofactors]


def test_grey_is_rounded_half_up():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    weights = inverse_row()
    expected = [
        math.floor(sum(w * int(c) for w, c in zip(weights, pixel, strict=True)) + Fraction(1, 2))
        for pixel in image.reshape(-1, 3)
    ]
    np.testing.assert_array_equal(statistics.to_grey(image).ravel(), expected)


def test_a_grey_picture_in_three_channels_is_itself():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(statistics.to_grey(np.repeat(grey[..., None], 3, axis=-1)), grey)
    np.testing.assert_array_equal(statistics.to_grey(grey), grey)


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8)), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8), np.uint8), np.zeros(8, np.uint8)]
)
def test_what_is_no_picture(image):
    with pytest.raises(InvalidInput, match=r"a picture is \(H, W, 3\) or \(H, W\) of uint8"):
        statistics.to_grey(image)


@pytest.mark.parametrize(("border", "padding"), [("constant", "constant"), ("nearest", "edge")])
@pytest.mark.parametrize("shape", [(23, 31), (5, 4), (1, 9)])
def test_normalised_luminance_strip_by_strip(monkeypatch, border, padding, shape):
    monkeypatch.setattr(statistics, "STRIP_PIXELS", 2 * shape[1])  # two rows, fewer than the window reaches
    grey = texture(*shape).astype(float)
    values, deviation = statistics.normalise(grey, border)
    expected, deviations = normalised(grey, padding)
    np.testing.assert_allclose(values, expected, atol=1e-11)
    np.testing.assert_allclose(deviation, deviations, atol=1e-5)  # where it is 0 it is the root of rounding


def test_flat_regions_are_exactly_zero():
    grey = texture(40, 40).astype(float)
    grey[:, 10:30] = 77
    values, _ = statistics.normalise(grey, "nearest")
    assert (values[:, 13:27] == 0).all()
    assert (values[:, 12] != 0).all()


def at_quantiles(distribution):
    """What a large sample would be, without chance."""
    return distribution.ppf((np.arange(200_000) + 0.5) / 200_000)


@pytest.mark.parametrize(
    ("distribution", "shape"), [(stats.norm(0, 3), 2.0), (stats.laplace(0, 2), 1.0), (stats.gennorm(4), 4.0)]
)
def test_known_densities(distribution, shape):
    sums = statistics.moments(at_quantiles(distribution))
    fitted, variance = statistics.fit_ggd(sums)
    assert fitted == pytest.approx(shape, abs=0.01)
    assert variance == pytest.approx(distribution.var(), rel=0.01)
    both, left, right = statistics.fit_aggd(sums)
    assert both == pytest.approx(shape, abs=0.01)
    assert left == pytest.approx(distribution.std(), rel=0.01) == right


def test_an_asymmetric_density():
    """Laplacian halves of 1 and 3: a side's probability is proportional to its scale."""
    x = np.abs(at_quantiles(stats.laplace()))
    shape, left, right = statistics.fit_aggd(statistics.moments(np.concatenate([-x, 3 * x, 3 * x, 3 * x])))
    assert shape == pytest.approx(1, abs=0.01)
    assert (left, right) == (pytest.approx(math.sqrt(2), rel=0.01), pytest.approx(3 * math.sqrt(2), rel=0.01))
    betas = left * statistics.spread_ratio(shape), right * statistics.spread_ratio(shape)
    assert betas == (pytest.approx(1, rel=0.01), pytest.approx(3, rel=0.01))
    mean = (betas[1] - betas[0]) * statistics.mean_ratio(shape)
    assert mean == pytest.approx(2, rel=0.01)  # (-1 + 3 * 3) / 4


def test_many_fits_at_once_equal_one_after_the_other():
    random = np.random.default_rng(1)
    rows = np.sign(random.normal(0.2, 1, (50, 300))) * random.gamma(random.uniform(0.2, 5, (50, 1)), size=(50, 300))
    sums = statistics.moments(rows)
    shapes, variances = statistics.fit_ggd(sums)
    np.testing.assert_allclose(np.stack([shapes, variances]).T, [ggd(x) for x in rows], rtol=1e-12)
    shapes, left, right = statistics.fit_aggd(sums)
    spread = statistics.spread_ratio(shapes)
    np.testing.assert_allclose(np.stack([shapes, left * spread, right * spread]).T, [aggd(x) for x in rows], rtol=1e-12)


def test_an_empty_side_and_nothing_at_all():
    sums = statistics.moments(np.array([[1.0, 2, 0, 3], [0, 0, 0, 0], [-1, -2, 0, 0]]))
    shapes, left, right = statistics.fit_aggd(sums)
    np.testing.assert_array_equal(shapes, 0.2)
    np.testing.assert_allclose(left, [np.nan, np.nan, math.sqrt(2.5)])
    np.testing.assert_allclose(right, [math.sqrt(14 / 3), np.nan, np.nan])
    shapes, variances = statistics.fit_ggd(sums)
    assert (shapes[1], variances[1]) == (0.2, 0)


def test_of_two_equally_near_shapes_the_first():
    rising = np.array([0.0, 2, 4, 8])
    np.testing.assert_array_equal(
        statistics._nearest(rising, np.array([-5, 1, 1.5, 3, 6, 9, np.nan])), [0, 0, 1, 1, 2, 3, 0]
    )
