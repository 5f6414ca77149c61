"""Products with banded matrices, such as resizing: rows of zeros but for a few neighbours, which move with the row.

A block of output rows needs only the stretch of input that its bands span: for 384 rows resized to 256, a fourteenth of
the dense product's work.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

BLOCKS = 16  # of output rows; at 512x384 twice as fast as 4 or 32


def bands(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A banded matrix (rows, columns) as `BLOCKS` dense blocks.

    Returns:
        (BLOCKS, ceil(rows / BLOCKS), 1 + span): [b, :, 1:] are the weights of a block of rows, zero rows behind the last;
        [b, :, 0] is the column where its span begins.
    """
    count, size = matrix.shape
    rows = -(-count // BLOCKS)
    whole = np.zeros((BLOCKS * rows, size))
    whole[:count] = matrix
    blocks = whole.reshape(BLOCKS, rows, size)
    used = np.any(blocks != 0, axis=1)  # (BLOCKS, size); none behind the last row
    first = used.argmax(axis=1)
    last = np.where(np.any(used, axis=1), size - used[:, ::-1].argmax(axis=1), first)
    span = int((last - first).max())
    first = np.minimum(first, size - span)
    weights = np.take_along_axis(blocks, (first[:, None] + np.arange(span))[:, None, :], axis=2)
    starts = np.broadcast_to(first[:, None, None], (BLOCKS, rows, 1))
    return np.concatenate([starts, weights], axis=2)


def rows_product(table: tf.Tensor, planes: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """matrix @ planes: (..., columns of the matrix, W) to (..., count, W).

    Args:
        table: `bands(matrix)`.
        planes: the same type.
        count: rows of the matrix.
    """
    starts, weights = _parts(table)
    stretches = tf.gather(planes, starts[:, None] + tf.range(tf.shape(weights)[2]), axis=-2)
    found = tf.matmul(weights, stretches)  # (..., BLOCKS, rows, W)
    shape = tf.concat([tf.shape(planes)[:-2], [-1, tf.shape(planes)[-1]]], 0)
    return tf.reshape(found, shape)[..., :count, :]


def columns_product(planes: tf.Tensor, table: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """planes @ matrix^T: (..., H, columns of the matrix) to (..., H, count). Arguments as in `rows_product`."""
    starts, weights = _parts(table)
    lines = tf.reshape(planes, (-1, tf.shape(planes)[-1]))
    corners = tf.stack([tf.zeros_like(starts), starts], 1)
    extent = tf.stack([tf.shape(lines)[0], tf.shape(weights)[2]])
    # Slices, for tf.gather along the last axis copies number by number.
    found = [
        tf.matmul(tf.slice(lines, corner, extent), block, transpose_b=True)
        for corner, block in zip(tf.unstack(corners, BLOCKS), tf.unstack(weights, BLOCKS), strict=True)
    ]
    return tf.reshape(tf.concat(found, 1)[:, :count], tf.concat([tf.shape(planes)[:-1], [count]], 0))


def _parts(table: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.cast(table[:, 0, 0], tf.int32), table[:, :, 1:]
