"""Filters of the full-reference measures as graph operations, on planes (..., H, W).

Planes lie one after the other, not interleaved: TensorFlow's convolutions are slow for one channel (an 11x11 window over
five planes of 512x384 takes 115 ms with `conv2d`, 3.5 ms here). Rows are filtered as a depthwise convolution whose channels
are the columns; columns as a convolution over blocks of 16, whose kernel is a band matrix. Sizes need not be known when
the graph is built. Everything has gradients, and float32 and float64 both work.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

BLOCK = 16  # columns handled as one vector: two AVX2 registers; 8 and 32 are slower or as fast
REDUCTION_SIDE = 256  # Wang et al.'s suggested viewing size: the shorter side comes near it
GAUSSIAN_RADIUS, GAUSSIAN_SIGMA = 5, 1.5  # SSIM's window (Wang et al., 2004)

_offsets = np.arange(-GAUSSIAN_RADIUS, GAUSSIAN_RADIUS + 1)
_bell = np.exp(-(_offsets**2) / (2 * GAUSSIAN_SIGMA**2))
GAUSSIAN_WINDOW: tuple[float, ...] = tuple(_bell / _bell.sum())  # one axis; the 11x11 window is its outer product

PREWITT = ((1 / 3, 1 / 3, 1 / 3), (1.0, 0.0, -1.0))  # smoothing taps, difference taps
SCHARR = ((3 / 16, 10 / 16, 3 / 16), (1.0, 0.0, -1.0))


def sides(planes: tf.Tensor, axes: tuple[int, int] = (-2, -1)) -> tuple[int | tf.Tensor, int | tf.Tensor]:
    """Height and width of planes (..., H, W), or along other axes: integers where known, else scalar int32 tensors."""
    dynamic = tf.shape(planes)
    height, width = (dynamic[axis] if planes.shape[axis] is None else planes.shape[axis] for axis in axes)
    return height, width


def correlate_valid(planes: tf.Tensor, rows: Sequence[float], columns: Sequence[float]) -> tf.Tensor:
    """Correlation with the separable window rows x columns, where it lies inside the picture.

    Args:
        planes: (..., H, W), float32 or float64.
        rows: n taps along the vertical axis.
        columns: m taps along the horizontal axis.

    Returns:
        (..., H - n + 1, W - m + 1).
    """
    return _correlate_columns(_correlate_rows(planes, rows), columns)


def gaussian_valid(planes: tf.Tensor) -> tf.Tensor:
    """Mean under SSIM's 11x11 Gaussian window of deviation 1.5: (..., H, W) to (..., H - 10, W - 10)."""
    return correlate_valid(planes, GAUSSIAN_WINDOW, GAUSSIAN_WINDOW)


def _correlate_rows(planes: tf.Tensor, taps: Sequence[float]) -> tf.Tensor:
    height, width = sides(planes)
    columns_as_channels = tf.reshape(planes, (-1, height, 1, width))
    kernel = tf.reshape(tf.constant(taps, planes.dtype), (-1, 1, 1, 1)) * tf.ones((1, 1, width, 1), planes.dtype)
    found = tf.nn.depthwise_conv2d(columns_as_channels, kernel, (1, 1, 1, 1), "VALID")
    return tf.reshape(found, tf.concat([tf.shape(planes)[:-2], [height - len(taps) + 1, width]], 0))


def _correlate_columns(planes: tf.Tensor, taps: Sequence[float]) -> tf.Tensor:
    height, width = sides(planes)
    kernel = _band_kernel(tuple(taps))
    reach = kernel.shape[1] - 1  # further blocks that a block's outputs see
    blocks = -(-width // BLOCK)
    whole = _pad_last(planes, blocks * BLOCK - width)
    whole = tf.reshape(whole, (-1, height, blocks, BLOCK))
    # oneDNN wants the zeros as part of the convolution: an explicit pad costs a copy.
    found = tf.nn.conv2d(whole, tf.constant(kernel, planes.dtype), 1, [[0, 0], [0, 0], [0, reach], [0, 0]])
    found = tf.reshape(found, tf.concat([tf.shape(planes)[:-1], [blocks * BLOCK]], 0))
    return found[..., : width - len(taps) + 1]


@functools.cache
def _band_kernel(taps: tuple[float, ...]) -> np.ndarray:
    """conv2d's kernel (1, blocks, BLOCK, BLOCK) whose output j of a block is sum_k taps[k] input[j + k]."""
    blocks = -(-(BLOCK + len(taps) - 1) // BLOCK)
    kernel = np.zeros((blocks * BLOCK, BLOCK))
    for column in range(BLOCK):
        kernel[column : column + len(taps), column] = taps
    return kernel.reshape(1, blocks, BLOCK, BLOCK)


def reduction_factor(height: int | tf.Tensor, width: int | tf.Tensor) -> int | tf.Tensor:
    """max(1, round(min(H, W) / 256)), halves rounded up as MATLAB does: 640 gives 3, 384 gives 2."""
    if isinstance(height, int) and isinstance(width, int):
        return max(1, (2 * min(height, width) + REDUCTION_SIDE) // (2 * REDUCTION_SIDE))
    shorter = tf.minimum(height, width)
    return tf.maximum(1, (2 * shorter + REDUCTION_SIDE) // (2 * REDUCTION_SIDE))


def windows(side: int | tf.Tensor, factor: int | tf.Tensor) -> tuple[Any, Any, list[Any]]:
    """How the windows of `reduce_zero_padded` lie along one axis.

    Returns:
        Their number; how many pixels they reach, for the last may end inside the picture, and what lies behind it is cut
        off; how many values are to be put before and after those pixels.
    """
    before = (factor - 1) // 2
    count = -(-side // factor)
    return count, count * factor - before, [before, tf.maximum(0, count * factor - side - before)]


def reduce_zero_padded(planes: tf.Tensor, factor: int | tf.Tensor) -> tf.Tensor:
    """Every factor-th value of the box mean of factor x factor pixels, zeros outside: (..., ceil(H/f), ceil(W/f)).

    The window of output i covers pixels i f - floor((f-1)/2) and the f - 1 after it; the sum is divided by f*f at the
    border too.
    """
    return _reduce(planes, factor, "CONSTANT")


def reduce_mirrored(planes: tf.Tensor, factor: int | tf.Tensor) -> tf.Tensor:
    """`reduce_zero_padded` with the picture mirrored at its border, the edge pixel repeated."""
    return _reduce(planes, factor, "SYMMETRIC")


def _reduce(planes: tf.Tensor, factor: int | tf.Tensor, mode: str) -> tf.Tensor:
    if isinstance(factor, int) and factor == 1:
        return planes
    height, width = sides(planes)
    (rows, last_row, around_rows), (columns, last_column, around_columns) = (
        windows(side, factor) for side in (height, width)
    )
    kept = planes[..., :last_row, :last_column]
    whole = tf.pad(kept, [[0, 0]] * (planes.shape.rank - 2) + [around_rows, around_columns], mode)
    lead = tf.shape(planes)[:-2]
    # Rows are added first, whole lines at a time; then the columns, as products with a matrix that sums neighbours.
    tall = tf.reduce_sum(tf.reshape(whole, (-1, factor, columns * factor)), axis=1)
    blocks = -(-columns // BLOCK)
    tall = _pad_last(tall, (blocks * BLOCK - columns) * factor)
    # The matrix holds ones alone, so that a product rounds alike whatever the number of rows; the division comes after.
    gather = tf.repeat(tf.eye(BLOCK, dtype=planes.dtype), factor, axis=0)
    wide = tf.matmul(tf.reshape(tall, (-1, BLOCK * factor)), gather) / tf.cast(factor * factor, planes.dtype)
    return tf.reshape(wide, tf.concat([lead, [rows, blocks * BLOCK]], 0))[..., :columns]


def gradient_magnitude(planes: tf.Tensor, kernel: tuple[Sequence[float], Sequence[float]]) -> tf.Tensor:
    """sqrt(gx^2 + gy^2) of a separable 3x3 gradient, zeros outside the picture: (..., H, W).

    The zeros make a strong edge along the border, which belongs to the published measures.

    Args:
        planes: (..., H, W).
        kernel: `PREWITT` or `SCHARR`.
    """
    smooth, difference = kernel
    padded = tf.pad(planes, [[0, 0]] * (planes.shape.rank - 2) + [[1, 1], [1, 1]])
    across = _three(_three(padded, difference, -1), smooth, -2)
    down = _three(_three(padded, difference, -2), smooth, -1)
    return magnitude(across, down)


def _three(planes: tf.Tensor, taps: Sequence[float], axis: int) -> tf.Tensor:
    """Correlation with three symmetric or antisymmetric taps along one of the last two axes, inside the planes."""
    if axis == -1:
        first, middle, last = planes[..., :-2], planes[..., 1:-1], planes[..., 2:]
    else:
        first, middle, last = planes[..., :-2, :], planes[..., 1:-1, :], planes[..., 2:, :]
    if taps[0] == -taps[2]:
        return (first - last) * taps[0]
    return (first + last) * taps[0] + middle * taps[1]


@tf.custom_gradient
def magnitude(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, object]:
    """sqrt(x^2 + y^2), with gradient 0 where both are 0 (a plain root would give NaN)."""
    length = tf.sqrt(x * x + y * y)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scaled = tf.math.divide_no_nan(upstream, length)
        return scaled * x, scaled * y

    return length, gradient


def similarity(a: tf.Tensor, b: tf.Tensor, constant: float) -> tf.Tensor:
    """(2ab + c) / (a^2 + b^2 + c), the comparison that most measures use, as 1 - (a - b)^2 / (a^2 + b^2 + c): exactly 1
    where both agree, and as exact near 1 as the type allows."""
    difference = a - b
    return 1 - difference * difference / (a * a + b * b + constant)


def as_complex(real: tf.Tensor) -> tf.Tensor:
    """The numbers as complex ones; the gradient of `tf.cast` would warn about what it does."""
    return tf.complex(real, tf.zeros_like(real))


def _pad_last(planes: tf.Tensor, after: int | tf.Tensor) -> tf.Tensor:
    if isinstance(after, int) and after == 0:
        return planes
    return tf.pad(planes, [[0, 0]] * (planes.shape.rank - 1) + [[0, after]])
