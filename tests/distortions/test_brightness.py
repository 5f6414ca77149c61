"""Types 16 to 18 and 25 on a ramp of all greys."""

import numpy as np
import pytest
from scipy.interpolate import InterpolatedUnivariateSpline

from tfiqa import distortions
from tfiqa.distortions.lab import from_lab, to_lab

GREYS = np.arange(256) / 255
RAMP = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (32, 1))[..., None], 3, -1)


def rounded(curve):
    return np.floor(255 * curve + 0.5)


@pytest.mark.parametrize(("level", "amount"), list(enumerate([0.05, 0.1, 0.2, 0.4, 0.8], start=1)))
def test_darken_is_a_parabola(level, amount):
    middle = 0.5 - amount / 2
    curve = np.clip((2 - 4 * middle) * GREYS**2 + (4 * middle - 1) * GREYS, 0, 1)
    assert np.array_equal(distortions.apply("darken", RAMP, level)[0, :, 0], rounded(curve))


def test_brighten_mixes_rgb_and_lightness():
    def parabola(x):
        return np.clip((2 - 4 * 0.7) * x**2 + (4 * 0.7 - 1) * x, 0, 1)

    lab = to_lab(np.repeat(GREYS[None, :, None], 3, -1))
    lab[..., 0] = 100 * parabola(lab[..., 0] / 100)
    mixed = (2 * parabola(GREYS) + np.clip(from_lab(lab)[0, :, 0], 0, 1)) / 3
    mixed = (mixed - mixed.min()) / np.ptp(mixed)
    assert np.abs(distortions.apply("brighten", RAMP, 3)[0, :, 0] - 255 * mixed).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(("level", "amount"), list(enumerate([0.15, 0.08, 0, -0.08, -0.15], start=1)))
def test_mean_shift_ends_as_a_cut_off(level, amount):
    shifted = np.clip(GREYS + amount, 0, 1)
    expected = (shifted - shifted.min()) / np.ptp(shifted)
    assert np.array_equal(distortions.apply("mean_shift", RAMP, level)[0, :, 0], rounded(expected))


@pytest.mark.parametrize(("level", "amount"), list(enumerate([0.3, 0.15, 0, -0.4, -0.6], start=1)))
def test_contrast_is_the_spline_through_five_knots(level, amount):
    knots = [0, 0.3, 0.5, 0.7, 1], [0, 0.25 - amount / 4, 0.5, 0.75 + amount / 4, 1]
    # A cubic through five points with not-a-knot ends has one inner knot: FITPACK's interpolating spline of degree 3.
    curve = np.clip(InterpolatedUnivariateSpline(*knots, k=3)(GREYS), 0, 1)
    assert np.abs(distortions.apply("contrast_change", RAMP, level)[0, :, 0] - 255 * curve).max() <= 0.5 + 1e-9
    assert (level == 3) <= (not np.array_equal(rounded(curve), np.arange(256)))  # level 3 is mild, not none
