"""PSNR: the mean squared error of a picture in decibels."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure

PEAK = 255


@measure("psnr", low=0, high=None, higher_is_better=True, unit="dB", smallest_side=1, checked="its definition")
def score(pair: Pair) -> tf.Tensor:
    """(N,) scores in dB."""
    error = tf.reduce_mean(tf.math.squared_difference(pair.reference.pixels, pair.distorted.pixels), (1, 2, 3))
    is_identical = tf.equal(error, 0)
    share = tf.where(is_identical, tf.ones_like(error), error / PEAK**2)
    return tf.where(is_identical, tf.fill(tf.shape(error), tf.constant(math.inf, error.dtype)), _decibels(share))


def _decibels(share: tf.Tensor) -> tf.Tensor:
    return -10 / math.log(10) * tf.math.log(share)


def psnr(reference: Any, distorted: Any) -> tf.Tensor:
    """Peak signal-to-noise ratio, 10 log10(255^2 / MSE), with one mean over all pixels and the three channels.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.

    Returns:
        (N,) or a scalar, in dB: infinity for identical pictures, 0 for black against white; higher is better. Symmetric.
        Differentiable; the gradient is 0 where the pictures are identical.

    Raises:
        InvalidInput: shapes that do not fit.
    """
    return evaluate("psnr", reference, distorted)
