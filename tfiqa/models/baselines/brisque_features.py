"""BRISQUE's features: parameters of the densities of locally normalised luminance and of the products of its neighbours.

Reference: see `brisque`; section III.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput
from tfiqa.images.matlab_resize import resize_plane
from tfiqa.models.baselines.natural_scene_statistics import (
    SHIFTS,
    Values,
    fit_aggd,
    fit_ggd,
    mean_ratio,
    moments,
    normalise,
    spread_ratio,
    strips,
    to_grey,
)

FEATURES = 36


def brisque_features(image: NDArray[np.uint8]) -> Values:
    """The features (36,) of a picture (H, W, 3) RGB or (H, W), uint8, of any size; float64.

    For the picture and for its half, 18 each: shape and variance of the normalised luminance; then shape, mean, and the variances
    below and above 0 of the products with each neighbour of `SHIFTS`, wrapping around the picture. Where all products of a kind
    are on one side (a picture of one grey level, or of very few pixels), what would need the other side is NaN.

    Raises:
        InvalidInput: as `natural_scene_statistics.to_grey`.
    """
    grey = to_grey(image)
    planes = (grey, resize_plane(grey, "bicubic", 0.5))
    return np.concatenate([_of_one_scale(normalise(plane, "constant")[0]) for plane in planes])


def finite_features(image: NDArray[np.uint8]) -> Values:
    """`brisque_features` of a picture that has all of them. Raises InvalidInput also where it has not."""
    features = brisque_features(image)
    if not np.isfinite(features).all():
        raise InvalidInput("has too little texture for BRISQUE")
    return features


def _of_one_scale(normalised: Values) -> Values:
    """(18,) of normalised luminance (H, W)."""
    height, width = normalised.shape
    wrapped = np.concatenate([normalised[-1:], normalised])
    sums = np.zeros((1 + len(SHIFTS), 6))
    for rows in strips(height, width):
        strip, above = wrapped[rows.start + 1 : rows.stop + 1], wrapped[rows]
        sums[0] += moments(strip.ravel())
        for place, (down, across) in enumerate(SHIFTS, start=1):
            neighbours = np.roll(above if down else strip, across, axis=1)
            sums[place] += moments((strip * neighbours).ravel())
    shape, variance = fit_ggd(sums[0])
    shapes, left, right = fit_aggd(sums[1:])
    means = (right - left) * mean_ratio(shapes) * spread_ratio(shapes)
    products = np.stack([shapes, means, left**2, right**2], axis=1)
    return np.concatenate([[shape, variance], products.ravel()])
