"""Types 16 to 18 and 25: brightness and contrast, by curves."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from tfiqa.distortions.family import Call, Picture, clipped, distortion
from tfiqa.distortions.lab import from_lab, to_lab


@distortion("brighten")
def brighten(call: Call) -> Picture:
    """A parabola through (0, 0), (1/2, 1/2 + a/2) and (1, 1): on RGB, weight 2/3, and on the lightness, 1/3."""
    curve = [(0, 0), (0.5, 0.5 + call.amount / 2), (1, 1)]
    lab = to_lab(call.picture)
    lab[..., 0] = 100 * _curved(lab[..., 0] / 100, curve)
    return (2 * _curved(call.picture, curve) + clipped(from_lab(lab))) / 3


@distortion("darken")
def darken(call: Call) -> Picture:
    """A parabola through (0, 0), (1/2, 1/2 - a/2) and (1, 1)."""
    return _curved(call.picture, [(0, 0), (0.5, 0.5 - call.amount / 2), (1, 1)])


@distortion("mean_shift")
def mean_shift(call: Call) -> Picture:
    """An offset. The stretch that follows makes of it a cut-off of highlights (or shadows) with more contrast below."""
    return clipped(call.picture + call.amount)


@distortion("contrast_change")
def contrast_change(call: Call) -> Picture:
    """A spline that is steeper in the middle (a > 0) or flatter."""
    quarter = call.amount / 4
    return _curved(call.picture, [(0, 0), (0.3, 0.25 - quarter), (0.5, 0.5), (0.7, 0.75 + quarter), (1, 1)])


def _curved(values: NDArray[np.float64], knots: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """A cubic spline through the knots, its ends as MATLAB's spline has them (not-a-knot), limited to 0..1."""
    return clipped(_spline(tuple(knots))(values))


@functools.cache
def _spline(knots: tuple[tuple[float, float], ...]) -> CubicSpline:
    return CubicSpline(*zip(*knots, strict=True))
