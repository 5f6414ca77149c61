"""From a map of local similarities to one score, with a value on flat pictures too."""

from __future__ import annotations

import math

import tensorflow as tf

# Where a sum of weights or a range is 0 the published code divides by 0 (flat pictures). So small a number changes
# nothing elsewhere: weights and ranges are of the order of 0.01 to 1.
TINY = 1e-12


def weighted_mean(quality: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """sum(quality weights) / sum(weights) over the last two axes; the plain mean where all weights are 0."""
    weights = weights + TINY
    return tf.reduce_sum(quality * weights, (-2, -1)) / tf.reduce_sum(weights, (-2, -1))


def min_max(planes: tf.Tensor) -> tf.Tensor:
    """Each plane (..., H, W) brought to [0, 1] by its minimum and maximum; 0 where it is flat."""
    low = tf.reduce_min(planes, (-2, -1), keepdims=True)
    high = tf.reduce_max(planes, (-2, -1), keepdims=True)
    return (planes - low) / tf.maximum(high - low, TINY)


def real_power(x: tf.Tensor, exponent: float) -> tf.Tensor:
    """The real part of the principal complex power: |x|^p, times cos(pi p) where x is negative.

    At 0 the gradient is 0 (the power's own is infinite for p < 1).
    """
    size = tf.abs(x)
    is_zero = tf.equal(size, 0)
    # exp(p log x) is twice as fast as TensorFlow's pow.
    power = tf.where(
        is_zero, tf.zeros_like(x), tf.exp(exponent * tf.math.log(tf.where(is_zero, tf.ones_like(x), size)))
    )
    return tf.where(x < 0, math.cos(math.pi * exponent) * power, power)


def root(x: tf.Tensor) -> tf.Tensor:
    """Square root of values of at least 0, with gradient 0 at 0 (the root's own is infinite)."""
    is_zero = tf.equal(x, 0)
    return tf.where(is_zero, tf.zeros_like(x), tf.sqrt(tf.where(is_zero, tf.ones_like(x), x)))
