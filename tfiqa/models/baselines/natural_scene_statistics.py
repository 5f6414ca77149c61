"""What BRISQUE, NIQE and their kin have in common: grey, locally normalised luminance, and the densities fitted to it.

The numbers are those of the authors' MATLAB code, with one rule added (`ZERO`). Everything is float64: in float32 the rounding of
flat regions cannot be told from faint texture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from scipy.special import gamma

from tfiqa.errors import InvalidInput

Values = NDArray[np.float64]
Border = Literal["constant", "nearest"]  # SciPy's names of zeros and of the repeated edge

# Luminance of NTSC: the first row of the inverse of [[1, .956, .621], [1, -.272, -.647], [1, -1.106, 1.703]] as exact fractions.
GREY = (589_399, 1_157_447, 224_810)
GREY_SUM = sum(GREY)
RADIUS, SIGMA = 3, 7 / 6  # of the 7x7 Gaussian window (BRISQUE, section III.A)
# Of normalised values: where the window sees one grey level, the value is 0, and computed as +-1e-14, whose sign would choose
# the side that the pixel counts for. MATLAB, Octave and NumPy all differ there. Texture of one grey level gives 1e-4 and more.
ZERO = 1e-9
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns to the neighbours: horizontal, vertical, both diagonals
STRIP_PIXELS = 1 << 17  # worked on together: 1 MB of float64, which stays in the cache

_bell = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SIGMA**2))
WINDOW = _bell / _bell.sum()  # one axis; the window is its outer product

SHAPES = np.arange(200, 10_001) / 1000  # the exponents that are tried, in the order in which ties are settled
_G1, _G2, _G3 = (gamma(n / SHAPES) for n in (1, 2, 3))
_GGD_RATIOS = _G1 * _G3 / _G2**2  # fall
_AGGD_RATIOS = 1 / _GGD_RATIOS  # rise


def to_grey(image: NDArray[np.uint8]) -> Values:
    """Grey levels (H, W), whole numbers in 0..255, of a picture (H, W, 3) RGB or (H, W), uint8.

    Raises:
        InvalidInput: another shape or kind of numbers, or no pixels.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or not image.size:
        raise InvalidInput(f"a picture is (H, W, 3) or (H, W) of uint8. Received: {image.shape} of {image.dtype}")
    if image.ndim == 2:
        return image.astype(np.float64)
    grey = np.empty(image.shape[:2])
    for rows in strips(*image.shape[:2]):
        weighted = image[rows].astype(np.int32) @ np.array(GREY, np.int32)
        grey[rows] = (weighted + GREY_SUM // 2) // GREY_SUM  # rounded half up
    return grey


def normalise(grey: Values, border: Border) -> tuple[Values, Values]:
    """Mean-subtracted, contrast-normalised luminance (I - mu) / (sigma + 1), 0 where it is below `ZERO`, and sigma; (H, W) each.

    mu and sigma^2 = |E[I^2] - mu^2| are under the Gaussian window (BRISQUE, equations 1 to 3). A strip of rows is worked on at a
    time, so that memory holds little more than what is returned.

    Args:
        grey: (H, W), 0..255.
        border: what lies around the picture.
    """
    height, width = grey.shape
    normalised, sigma = np.empty((2, height, width))
    for rows in strips(height, width):
        first, last = max(rows.start - RADIUS, 0), min(rows.stop + RADIUS, height)
        strip, own = grey[first:last], slice(rows.start - first, rows.stop - first)
        mean, square = (_smooth(plane, border)[own] for plane in (strip, strip**2))
        sigma[rows] = np.sqrt(np.abs(square - mean**2))
        values = (grey[rows] - mean) / (sigma[rows] + 1)
        normalised[rows] = np.where(np.abs(values) < ZERO, 0, values)
    return normalised, sigma


def strips(height: int, width: int) -> Iterator[slice]:
    """The rows of a plane in pieces of `STRIP_PIXELS`, or of one row where that is more."""
    rows = max(1, STRIP_PIXELS // width)
    for start in range(0, height, rows):
        yield slice(start, min(start + rows, height))


def moments(values: Values) -> Values:
    """The sums that a fit needs, (..., 6) of (..., P): how many are below 0, above 0, and in all; squares below and above 0;
    absolute values. Sums of parts add up to those of the whole."""
    left, right = np.minimum(values, 0), np.maximum(values, 0)
    columns = (
        np.count_nonzero(left, axis=-1),
        np.count_nonzero(right, axis=-1),
        np.full(values.shape[:-1], values.shape[-1]),
        np.square(left).sum(axis=-1),  # a product of BLAS would start its own threads in each of ours
        np.square(right).sum(axis=-1),
        right.sum(axis=-1) - left.sum(axis=-1),
    )
    return np.stack(columns, axis=-1, dtype=np.float64)


def fit_ggd(sums: Values) -> tuple[Values, Values]:
    """Shape and variance of generalised Gaussians of mean 0, (...) each, by matching moments.

    The shape is the one of `SHAPES` whose E[x^2] / E[|x|]^2 = G(1/a) G(3/a) / G(2/a)^2 is nearest (K. Sharifi, A. Leon-Garcia,
    IEEE Trans. Circuits and Systems for Video Technology, 1995); .2 where all is 0.

    Args:
        sums: (..., 6), see `moments`.
    """
    _, _, count, left, right, absolute = np.moveaxis(sums, -1, 0)
    variance = (left + right) / count
    with np.errstate(invalid="ignore"):
        ratio = variance / (absolute / count) ** 2
    return SHAPES[_nearest(-_GGD_RATIOS, -ratio)], variance


def fit_aggd(sums: Values) -> tuple[Values, Values, Values]:
    """Shape, and the root mean squares below and above 0, of asymmetric generalised Gaussians, (...) each, by matching moments.

    After N.-E. Lasmar, Y. Stitou, Y. Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009. Zeros
    belong to neither side. A side without values has NaN, and then the shape is .2.

    Args:
        sums: (..., 6), see `moments`.
    """
    count_left, count_right, count, squares_left, squares_right, absolute = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore"):
        left, right = np.sqrt(squares_left / count_left), np.sqrt(squares_right / count_right)
        q = left / right
        ratio = (absolute / count) ** 2 / ((squares_left + squares_right) / count)
        ratio *= (q**3 + 1) * (q + 1) / (q**2 + 1) ** 2
    return SHAPES[_nearest(_AGGD_RATIOS, ratio)], left, right


def spread_ratio(shape: Values) -> Values:
    """sqrt(G(1/a) / G(3/a)): from the root mean square of a side to its beta."""
    return np.sqrt(gamma(1 / shape) / gamma(3 / shape))


def mean_ratio(shape: Values) -> Values:
    """G(2/a) / G(1/a): from the difference of the two betas to the mean."""
    return gamma(2 / shape) / gamma(1 / shape)


def _smooth(plane: Values, border: Border) -> Values:
    rows = correlate1d(plane, WINDOW, axis=0, mode=border)
    return correlate1d(rows, WINDOW, axis=1, mode=border)


def _nearest(rising: Values, ratios: Values) -> NDArray[np.intp]:
    """Places (...) of the entries nearest to some ratios, the first of two that are equally near; 0 for NaN."""
    above = np.searchsorted(rising, ratios).clip(1, len(rising) - 1)
    is_above = np.abs(rising[above] - ratios) < np.abs(rising[above - 1] - ratios)
    return np.where(np.isnan(ratios), 0, above - 1 + is_above)
