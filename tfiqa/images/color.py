"""Planes of interleaved pictures as graph operations: RGB (N, H, W, 3) to (N, H, W), mixed and reduced in one step.

Picking every third number of 16 pixels and weighing them is a product with a 48 x 16 matrix, which is twice as fast as
TensorFlow's transposition of the same picture and leaves nothing to do for grey.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.images.filters import BLOCK, sides, windows

Weights = Sequence[float]
RED_GREEN_BLUE: tuple[Weights, ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def mix_pixels(pixels: tf.Tensor, weights: Sequence[Weights]) -> list[tf.Tensor]:
    """Weighted sums of R, G and B. What is not a number spoils up to 15 pixels around it, also of the next picture.

    Args:
        pixels: (N, H, W, 3), float32 or float64.
        weights: k rows of three.

    Returns:
        k planes (N, H, W).
    """
    shape = tf.shape(pixels)[:3]
    count = tf.reduce_prod(shape)
    blocks = -(-count // BLOCK)
    flat = tf.pad(tf.reshape(pixels, (-1,)), [[0, 3 * (blocks * BLOCK - count)]])
    flat = tf.reshape(flat, (blocks, 3 * BLOCK))
    mixed = [tf.matmul(flat, tf.constant(_pick(row), pixels.dtype)) for row in weights]
    planes = [tf.reshape(tf.reshape(plane, (-1,))[:count], shape) for plane in mixed]
    return [tf.ensure_shape(plane, pixels.shape[:3]) for plane in planes]


def reduce_pixels(pixels: tf.Tensor, factor: int | tf.Tensor) -> tf.Tensor:
    """R, G and B under `filters.reduce_zero_padded`: (N, H, W, 3) to (N, 3, ceil(H/f), ceil(W/f))."""
    height, width = sides(pixels, axes=(1, 2))
    (rows, last_row, around_rows), (columns, last_column, (before, after)) = (
        windows(side, factor) for side in (height, width)
    )
    blocks = -(-columns // BLOCK)
    around_columns = [before, after + (blocks * BLOCK - columns) * factor]
    whole = tf.pad(pixels[:, :last_row, :last_column], [[0, 0], around_rows, around_columns, [0, 0]])
    # Rows are added first, whole lines at a time; then the columns of each colour, as a product with a matrix that holds
    # ones and zeros alone, so that it rounds alike whatever the number of rows. The division comes after.
    tall = tf.reduce_sum(tf.reshape(whole, (-1, factor, blocks * BLOCK * factor * 3)), axis=1)
    tall = tf.reshape(tall, (-1, BLOCK * factor * 3))
    pick = tf.repeat(tf.eye(BLOCK, dtype=pixels.dtype), factor, axis=0)[:, None, None]
    gather = tf.reshape(pick * tf.eye(3, dtype=pixels.dtype)[..., None], (-1, 3 * BLOCK))
    planes = tf.reshape(tf.matmul(tall, gather), (-1, rows, blocks, 3, BLOCK))
    planes = tf.reshape(tf.transpose(planes, (0, 3, 1, 2, 4)), (-1, 3, rows, blocks * BLOCK))
    return planes[..., :columns] / tf.cast(factor * factor, pixels.dtype)


def _pick(weights: Weights) -> NDArray[np.float64]:
    """(3 BLOCK, BLOCK): output j is the weighted sum of inputs 3j, 3j + 1 and 3j + 2."""
    matrix = np.zeros((BLOCK, 3, BLOCK))
    matrix[np.arange(BLOCK), :, np.arange(BLOCK)] = weights
    return matrix.reshape(3 * BLOCK, BLOCK)
