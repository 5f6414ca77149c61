"""What a picture looks like in 37 numbers, by which DCNNS tells types of scenes apart.

Reference: C.-H. Huang, J.-L. Wu, "Multi-task deep CNN model for no-reference image quality assessment on smartphone camera
photos", 2020 (DCNNS), section 3.2. It gives the blocks, the number of bins and the filters; the ranges of the bins, the threshold
of an edge and that each group sums to 1 are decisions of this project.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfiqa.errors import InvalidInput
from tfiqa.features.scenes.layout import BINS, EDGES, LARGEST_DEVIATION, LENGTH, PEAK
from tfiqa.images.color import mix_pixels

BLOCKS = 8  # on each side of the grid
SMALLEST_SIDE = 2 * BLOCKS  # pixels: a block holds a cell of 2x2
EDGE_THRESHOLD = 11.0  # of values 0..255; that of the edge histogram in MPEG-7's experimentation model

# ITU-R BT.601 luma in thousandths: greys of 8-bit pictures are whole numbers, so that sums are exact and equal responses tie.
GREY = (299.0, 587.0, 114.0)
UNIT = 1000.0
_DIAGONAL = 2**0.5  # of MPEG-7's diagonal filters

# Two rows of blocks are described at a time, which bounds memory; their rows of pixels are always whole cells.
_BANDS = BLOCKS // 2


def scene_descriptor(images: ArrayLike | tf.Tensor) -> tf.Tensor:
    """Brightness, contrast and edges of pictures (DCNNS, section 3.2).

    Of the grey picture .299 R + .587 G + .114 B, 8x8 blocks of floor(H/8) x floor(W/8) pixels are taken from the top left; fewer
    than 8 rows and columns at the bottom and right are left out.

    Args:
        images: (N, H, W, 3) RGB 0..255, uint8 or floating point, H and W at least 16. 8-bit pictures are described exactly:
            sums are of whole numbers.

    Returns:
        float32 (N, 37): 16 bins over 0..255 of the blocks' means; 16 bins over 0..127.5 of their standard deviations, which
        divide by the number of pixels; and of the 2x2 cells whose strongest MPEG-7 filter responds by more than 11, the shares
        of `EDGES` (the first one where several are the strongest). Each of the three groups sums to 1, the edges of a picture
        without any to 0.

    Raises:
        InvalidInput: another shape or type.
    """
    pictures: Any = images if tf.is_tensor(images) else np.asarray(images)
    shape = tuple(pictures.shape)
    if len(shape) != 4 or shape[3] != 3:
        raise InvalidInput(f"pictures have the shape (N,H,W,3). Received: {shape}")
    if min(shape[1:3]) < SMALLEST_SIDE:
        raise InvalidInput(f"has {shape[2]} x {shape[1]} pixels; its scene needs {SMALLEST_SIDE} x {SMALLEST_SIDE}")
    kind = tf.as_dtype(pictures.dtype)
    if kind != tf.uint8 and not kind.is_floating:
        raise InvalidInput(f"pictures are uint8 or floating point. Received: {kind.name}")
    return _compiled(kind)(pictures)


@cache
def _compiled(kind: tf.DType) -> Any:
    """`_described` for pictures of any size."""
    return tf.function(_described, input_signature=[tf.TensorSpec((None, None, None, 3), kind)])


def _described(images: tf.Tensor) -> tf.Tensor:
    count, height, width = tf.unstack(tf.shape(images)[:3])
    rows, columns = height // BLOCKS, width // BLOCKS
    area = images[:, : rows * BLOCKS, : columns * BLOCKS]
    means, deviations, edges = tf.map_fn(
        lambda band: _band(band, rows, columns),
        tf.reshape(area, (count * _BANDS, 2 * rows, columns * BLOCKS, 3)),
        fn_output_signature=(tf.float64, tf.float64, tf.float64),
        parallel_iterations=1,
    )
    edges = tf.reduce_sum(tf.reshape(edges, (count, _BANDS, len(EDGES))), axis=1)
    groups = [
        _histogram(tf.reshape(means, (count, BLOCKS**2)), PEAK),
        _histogram(tf.reshape(deviations, (count, BLOCKS**2)), LARGEST_DEVIATION),
        tf.math.divide_no_nan(edges, tf.reduce_sum(edges, axis=1, keepdims=True)),
    ]
    return tf.ensure_shape(tf.cast(tf.concat(groups, axis=1), tf.float32), (None, LENGTH))


def _band(band: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of two rows of blocks of `rows` x `columns` pixels: means and standard deviations (2, 8) in thousandths, and how many cells
    are edges of each kind (5,)."""
    grey = mix_pixels(tf.cast(band, tf.float32)[None], [GREY])[0]
    means, deviations = _moments(tf.cast(tf.reshape(grey, (2, rows, BLOCKS * columns)), tf.float64))
    cells = tf.reshape(grey, (rows, 2, BLOCKS // 2 * columns, 2))
    a, b, c, d = tf.unstack(tf.reshape(tf.transpose(cells, (1, 3, 0, 2)), (4, -1)))  # rows are ab and cd
    return means, deviations, _edges(a, b, c, d)


def _moments(lines: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Means and standard deviations (2, 8) of the blocks of two rows of blocks (2, rows, 8 columns)."""
    rows, width = tf.unstack(tf.shape(lines)[1:])
    pixels = tf.cast(rows * (width // BLOCKS), tf.float64)

    def mean(values: tf.Tensor) -> tf.Tensor:  # whole lines are added first, several times faster than block by block
        return tf.reduce_sum(tf.reshape(tf.reduce_sum(values, axis=1), (2, BLOCKS, -1)), axis=2) / pixels

    means = mean(lines)
    squares = tf.math.squared_difference(lines, tf.repeat(means, width // BLOCKS, axis=1)[:, None])
    return means, tf.sqrt(mean(squares))


def _edges(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    """How many cells, whose rows are ab and cd, are edges of each of `EDGES`: (5,), from four planes of one shape."""
    responses = (a - b + c - d, a + b - c - d, _DIAGONAL * (a - d), _DIAGONAL * (b - c), 2 * (a - b - c + d))
    strongest, kind = tf.fill(tf.shape(a), EDGE_THRESHOLD * UNIT), tf.fill(tf.shape(a), len(EDGES))
    for place, response in enumerate(map(tf.abs, responses)):  # argmax takes ten times as long
        kind = tf.where(response > strongest, place, kind)
        strongest = tf.maximum(strongest, response)
    counts = [tf.math.count_nonzero(tf.equal(kind, place)) for place in range(len(EDGES))]
    return tf.cast(tf.stack(counts), tf.float64)


def _histogram(values: tf.Tensor, peak: float) -> tf.Tensor:
    """Of thousandths (N, K) the shares (N, 16) in bins of equal width over 0..peak; what lies beyond is in the outer ones."""
    bins = tf.clip_by_value(tf.floor(values * BINS / (peak * UNIT)), 0, BINS - 1)
    return tf.reduce_mean(tf.one_hot(tf.cast(bins, tf.int32), BINS, dtype=tf.float64), axis=1)
