"""The Laplacian pyramid as graph operations, on planes (..., H, W), and the enlargement of one level to the next.

Sizes need not be known when the graph is built. Everything has gradients, and float32 and float64 both work.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfiqa.images.filters import BLOCK, sides

# Simoncelli's binomial kernel is sqrt(2)/16 (1 4 6 4 1) along each axis. Shared out as 1/16 along the one and 1/8 along the
# other, every factor is a dyadic number: where an 8-bit picture is flat, the bands are 0 exactly, in float32 too.
BINOMIAL = (1, 4, 6, 4, 1)
ROW_SCALE, COLUMN_SCALE = 1 / 16, 1 / 8
REACH = len(BINOMIAL) // 2


def laplacian_pyramid(planes: tf.Tensor, levels: int) -> list[tf.Tensor]:
    """What each halving of the size takes away, and what remains (P. Burt, E. Adelson, IEEE Trans. Comm. 31(4), 1983).

    Args:
        planes: (..., H, W), float32 or float64.
        levels: number of planes out, the last of them the remainder; the one before it has at least 3 rows and columns.

    Returns:
        Planes (..., H, W), (..., ceil(H/2), ceil(W/2)) and so on. The kernel sums to 2, so that the remainder's values
        double with each level.
    """

    def split(planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        low = reduce_binomial(planes)
        return planes - expand_binomial(low, *sides(planes)), low

    split = tf.function(split, autograph=False)  # levels of unknown size share one trace
    bands = []
    for _ in range(levels - 1):
        band, planes = split(planes)
        bands.append(band)
    return [*bands, planes]


def reduce_binomial(planes: tf.Tensor) -> tf.Tensor:
    """Every second value of the binomial sum, the picture reflected without its edge: (..., ceil(H/2), ceil(W/2))."""
    height, width = sides(planes)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    around = [[0, 0]] * (planes.shape.rank - 2)
    tall = tf.pad(planes, [*around, [REACH, REACH], [0, 0]], "REFLECT")
    kernel = tf.reshape(tf.constant(BINOMIAL, planes.dtype) * ROW_SCALE, (-1, 1, 1, 1))
    # As in filters.py: rows as a depthwise convolution whose channels are the columns.
    short = tf.nn.depthwise_conv2d(
        tf.reshape(tall, (-1, height + 2 * REACH, 1, width)),
        kernel * tf.ones((1, 1, width, 1), planes.dtype),
        (1, 2, 2, 1),
        "VALID",
    )
    short = tf.reshape(short, tf.concat([tf.shape(planes)[:-2], [rows, width]], 0))
    wide = tf.pad(short, [*around, [0, 0], [REACH, REACH]], "REFLECT")
    return _by_blocks(wide, _REDUCE, columns)


def expand_binomial(planes: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """The binomial sum of the planes with zeros between their values: (..., H, W) with H = 2h or 2h - 1, W likewise.

    The plane with its zeros is reflected without its edge: behind the last value follows itself again where the new size is
    even, the last but one where it is odd.
    """
    rows, columns = sides(planes)
    last = rows - 1 - height % 2
    tall = tf.concat([planes[..., 1:2, :], planes, planes[..., last : last + 1, :]], -2)
    before, at, after = tall[..., :-2, :], planes, tall[..., 2:, :]
    even = (before + after + BINOMIAL[2] * at) * ROW_SCALE
    odd = (at + after) * (BINOMIAL[1] * ROW_SCALE)
    tall = tf.reshape(tf.stack([even, odd], -2), tf.concat([tf.shape(planes)[:-2], [2 * rows, columns]], 0))
    tall = tall[..., :height, :]
    last = columns - 1 - width % 2
    return _by_blocks(tf.concat([tall[..., 1:2], tall, tall[..., last : last + 1]], -1), _EXPAND, width)


def _reduce_kernel() -> np.ndarray:
    """conv2d's kernel (1, 2, 2 BLOCK, BLOCK): output j is the binomial sum of inputs 2j to 2j + 4."""
    kernel = np.zeros((4 * BLOCK, BLOCK))
    for column in range(BLOCK):
        kernel[2 * column : 2 * column + len(BINOMIAL), column] = BINOMIAL
    return kernel.reshape(1, 2, 2 * BLOCK, BLOCK) * COLUMN_SCALE


def _expand_kernel() -> np.ndarray:
    """conv2d's kernel (1, 2, BLOCK, 2 BLOCK): output 2j sees inputs j, j + 1, j + 2; output 2j + 1 the last two."""
    kernel = np.zeros((2 * BLOCK, 2 * BLOCK))
    for column in range(BLOCK):
        kernel[column : column + 3, 2 * column] = BINOMIAL[::2]
        kernel[column + 1 : column + 3, 2 * column + 1] = BINOMIAL[1::2]
    return kernel.reshape(1, 2, BLOCK, 2 * BLOCK) * COLUMN_SCALE


_REDUCE, _EXPAND = _reduce_kernel(), _expand_kernel()


def _by_blocks(planes: tf.Tensor, kernel: np.ndarray, width: int | tf.Tensor) -> tf.Tensor:
    """Columns filtered in blocks of kernel.shape[2]; each makes kernel.shape[3] new ones. The first `width` are kept."""
    height, before = sides(planes)
    taken, made = kernel.shape[2:]
    blocks = -(-width // made)
    whole = tf.pad(planes, [[0, 0]] * (planes.shape.rank - 1) + [[0, (blocks + 1) * taken - before]])
    whole = tf.reshape(whole, (-1, height, blocks + 1, taken))
    found = tf.nn.conv2d(whole, tf.constant(kernel, planes.dtype), 1, "VALID")
    return tf.reshape(found, tf.concat([tf.shape(planes)[:-1], [blocks * made]], 0))[..., :width]


def enlarge_twofold(planes: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """A pyramid's level brought to the size of the one below it, as the authors of IW-SSIM do: (..., H, W).

    MATLAB's bilinear imresize to 4h - 3 rows, one more row extrapolated on each side, every second one kept, the first H of
    them; columns likewise. At the border imresize repeats the edge there, so that the extrapolated rows equal it.
    """
    size, new = sides(planes), (height, width)
    for axis in (-1, -2):  # columns first: the plane is half as tall then
        lower, upper, share = _enlargement(size[axis], new[axis], planes.dtype)
        share = share if axis == -1 else share[:, None]
        near = tf.gather(planes, lower, axis=axis)
        planes = near + share * (tf.gather(planes, upper, axis=axis) - near)
    return planes


def _enlargement(
    size: int | tf.Tensor, new: int | tf.Tensor, dtype: tf.DType
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """For each new sample: the two old ones between which it lies, and the share of the second."""
    sample = tf.clip_by_value(2 * tf.range(new), 1, 4 * size - 3)  # of imresize's, from 1
    scale = tf.cast(4 * size - 3, tf.float64) / tf.cast(size, tf.float64)
    centre = (tf.cast(sample, tf.float64) - 0.5) / scale + 0.5
    lower = tf.floor(centre)
    first = tf.cast(lower, tf.int32)
    return tf.maximum(first, 1) - 1, tf.minimum(first + 1, size) - 1, tf.cast(centre - lower, dtype)
