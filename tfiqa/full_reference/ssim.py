"""SSIM: likeness of local luminance and of local structure under a Gaussian window."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import grey_of
from tfiqa.images.filters import gaussian_valid, reduce_mirrored, reduction_factor

C1 = (0.01 * 255) ** 2  # Wang et al.'s K1 and K2 for a range of 255
C2 = (0.03 * 255) ** 2


def luminance_and_structure_losses(reference: tf.Tensor, distorted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What the two factors of SSIM lack to 1 at each place of the 11x11 window: (N, H, W) twice to (N, H-10, W-10) twice.

    With d = x - y, the paper's (2 mx my + C1) / (mx^2 + my^2 + C1) is 1 - md^2 / (mx^2 + my^2 + C1), and likewise for the
    variances, as 2 cov(x, y) = var(x) + var(y) - var(d). So four planes are filtered instead of five, and what is
    averaged is 0 where the pictures agree. Variances do not depend on a level common to the picture: it is taken off
    before squaring, or float32 would lose them on bright pictures and where one is brighter than the other.
    """
    level_x, level_y = _level(reference), _level(distorted)
    x, y = reference - level_x, distorted - level_y
    mean_x, mean_y = gaussian_valid(x), gaussian_valid(y)
    variance_d = gaussian_valid(tf.math.squared_difference(x, y)) - tf.math.squared_difference(mean_x, mean_y)
    variances = gaussian_valid(x * x + y * y) - (mean_x * mean_x + mean_y * mean_y)
    mean_x, mean_y = mean_x + level_x, mean_y + level_y
    luminance_loss = tf.math.squared_difference(mean_x, mean_y) / (mean_x * mean_x + mean_y * mean_y + C1)
    return luminance_loss, variance_d / (variances + C2)


def _level(planes: tf.Tensor) -> tf.Tensor:
    """The mean of each plane, an integer so that the squares of integers stay exact: (N, 1, 1), a constant to gradients."""
    return tf.stop_gradient(tf.round(tf.reduce_mean(planes, (1, 2), keepdims=True)))


def mean_ssim(luminance_loss: tf.Tensor, structure_loss: tf.Tensor) -> tf.Tensor:
    """The mean over the picture of the product of both factors: (N,)."""
    return 1 - tf.reduce_mean(luminance_loss + structure_loss - luminance_loss * structure_loss, (1, 2))


@functools.cache
def full_size_losses(grey: str) -> Callable[[Pair], tuple[tf.Tensor, tf.Tensor]]:
    """The function to ask a pair for: `luminance_and_structure_losses` of its grey pictures, which MS-SSIM starts from too."""
    return lambda pair: luminance_and_structure_losses(*pair.both(grey_of(grey)))


@measure("ssim", low=-1, high=1, higher_is_better=True, smallest_side=11)
def score(pair: Pair, downsample: bool = False, grey: str = "gray_u8") -> tf.Tensor:
    """(N,) scores; the options are those of `ssim`."""
    if downsample:
        factor = reduction_factor(pair.reference.height, pair.reference.width)
        planes = (reduce_mirrored(plane, factor) for plane in pair.both(grey_of(grey)))
        return mean_ssim(*luminance_and_structure_losses(*planes))
    return mean_ssim(*pair.get(full_size_losses(grey)))


def ssim(reference: Any, distorted: Any, *, downsample: bool = False, grey: str = "gray_u8") -> tf.Tensor:
    """Structural similarity (Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, IEEE TIP 13(4), 2004).

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.
        downsample: False for the authors' `ssim_index` of 2003, at full resolution; True for their `ssim` of 2009, which
            first brings the shorter side near 256 pixels.
        grey: "gray_u8", MATLAB's rounded rgb2gray as the published values use, or "y_float".

    Returns:
        (N,) or a scalar: 1 for identical pictures, above -1; higher is better. Symmetric. Differentiable everywhere.

    Raises:
        InvalidInput: shapes that do not fit, a side below 11, no such grey.
    """
    return evaluate("ssim", reference, distorted, downsample=downsample, grey=grey)
