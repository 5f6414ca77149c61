"""The exact median without sorting: TensorFlow's sort takes 9 ms for 49,000 numbers, this half a millisecond."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

DIGIT = 16  # bits of a number told apart in one round, by a histogram with a bin for each of their values
LINE = 256  # bins are summed in lines of so many first: TensorFlow's cumulative sums are slow


def median(rows: tf.Tensor) -> tf.Tensor:
    """Median of each row of (K, n) numbers of at least 0, the mean of the middle two where n is even: (K,)."""
    lower, upper = middle_numbers(rows)
    return (lower + upper) / 2


@tf.custom_gradient
def middle_numbers(rows: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., tf.Tensor]]:
    """The two numbers in the middle of each row, one number twice where their count is odd.

    The bit patterns of positive floating-point numbers, read as integers, are in the order of the numbers; the middle
    one is found from its highest bits to its lowest. The gradient goes to the numbers found; equal ones share it.

    Args:
        rows: (K, n), numbers of at least 0, float32 or float64. What is not a number counts as the largest.

    Returns:
        (K,), (K,).
    """
    integer = tf.int32 if rows.dtype == tf.float32 else tf.int64
    patterns = tf.bitwise.bitwise_and(tf.bitcast(rows, integer), integer.max)  # a NaN may have its sign bit set
    count = tf.shape(rows)[1]
    found, not_above = _at_rank(patterns, (count - 1) // 2)
    above = tf.reduce_min(tf.where(patterns > found[:, None], patterns, integer.max), axis=1)
    upper = tf.bitcast(tf.where(not_above > count // 2, found, above), rows.dtype)
    lower = tf.bitcast(found, rows.dtype)

    def gradient(*upstreams: tf.Tensor) -> tf.Tensor:
        shares = tf.zeros_like(rows)
        for middle, upstream in zip((lower, upper), upstreams, strict=True):
            is_middle = tf.cast(tf.equal(rows, middle[:, None]), rows.dtype)
            shares += is_middle * tf.math.divide_no_nan(upstream, tf.reduce_sum(is_middle, axis=1))[:, None]
        return shares

    return (lower, upper), gradient


def _at_rank(patterns: tf.Tensor, rank: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Of each row of positive integers that with `rank` others before it, and how many are not above it: (K,)."""
    integer = patterns.dtype
    found = tf.zeros(tf.shape(patterns)[0], integer)
    below = tf.zeros(tf.shape(patterns)[0], tf.int32)
    unknown = 8 * integer.size - 1
    while unknown:
        digit = min(DIGIT, unknown)
        unknown -= digit
        # Where the bits found so far are others, something of them is left: such a number has no bin and is not counted.
        rest = tf.bitwise.right_shift(tf.bitwise.bitwise_xor(patterns, found[:, None]), tf.constant(unknown, integer))
        counts = tf.raw_ops.DenseBincount(
            input=rest, size=tf.constant(2**digit, integer), weights=tf.zeros((0,), tf.int32)
        )
        value, before, upto = _bin_at_rank(tf.reshape(counts, (-1, 2**digit)), rank - below)
        found += tf.bitwise.left_shift(tf.cast(value, integer), tf.constant(unknown, integer))
        below, not_above = below + before, below + upto
    return found, not_above


def _bin_at_rank(counts: tf.Tensor, rank: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The bin that holds the number of that rank, how many lie in the bins before it, and how many up to it: (K,)."""
    lines = tf.reshape(counts, (-1, counts.shape[1] // LINE, LINE))
    line, before_line, _ = _first_beyond(tf.reduce_sum(lines, axis=2), rank)
    place, before, upto = _first_beyond(tf.gather(lines, line, batch_dims=1), rank - before_line)
    return line * LINE + place, before_line + before, before_line + upto


def _first_beyond(counts: tf.Tensor, rank: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Where the running sum of (K, n) counts first exceeds the rank, and the sum before and after that: (K,)."""
    sums = tf.cumsum(counts, axis=1)
    place = tf.reduce_sum(tf.cast(sums <= rank[:, None], tf.int32), axis=1)
    upto = tf.gather(sums, place, batch_dims=1)
    return place, upto - tf.gather(counts, place, batch_dims=1), upto
