"""Energies of a fixed bank of cosine filters."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

CELL = 4  # pixels of a cell along each side
NOISE = 0.7  # added to energies before the logarithm, on the scale 0..255: about what rounding to 8 bits leaves
CHANNEL_RANGE = 40.0  # what the means of the colour channels are divided by, so that they vary as the logarithms do
# Luma of ITU-R BT.601, red against green, blue against yellow; the rows of the latter two have length 1.
_LUMA_AND_OPPONENTS = (
    (0.299, 0.587, 0.114),
    (2**-0.5, -(2**-0.5), 0.0),
    (6**-0.5, 6**-0.5, -2 * 6**-0.5),
)
# Frequencies (down, across) of the 3x3 filters for the opponent colours: the lowest two and two of the highest.
_COLOR_FREQUENCIES = ((0, 1), (1, 0), (1, 1), (2, 2))


@keras.saving.register_keras_serializable(package="tfiqa")
class FilterBank(keras.layers.Layer):
    """RGB pictures (N, H, W, 3) of 0..255 to maps (N, H // 4, W // 4, 59): how strongly each filter answers in each cell of 4x4.

    The filters are those of the orthonormal discrete cosine transform (DCT-II) but its mean. At every second pixel: 24 of 5x5 on
    luma and four of 3x3 on each of two opponent colours. At half the size (means of 2x2): eight of 3x3 on luma, four on each
    colour. At a quarter: eight on luma. A map is ``log(mean |answer| over the cell + 0.7)``; borders are mirrored. The last three
    maps are the means of luma and the opponent colours over the cell, divided by 40.

    Nothing is learned. The sides are at least 8 pixels. Numbers are float32 whatever the precision policy.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        coarse = _cosine_filters(3)
        of_color = _cosine_filters(3, _COLOR_FREQUENCIES)
        around = [(1, 1), (1, 1), (0, 0)]
        # One convolution of RGB a size: processors do many filters at once far quicker than one after the other.
        self._full = _of_rgb([_cosine_filters(5), *[np.pad(of_color, around)] * 2])
        self._half = _of_rgb([coarse, of_color, of_color])
        self._quarter = _of_rgb([coarse])
        self._means = np.asarray(_LUMA_AND_OPPONENTS, np.float32).T / CHANNEL_RANGE

    def call(self, inputs: Any) -> Any:
        """The maps."""
        full = ops.cast(inputs, "float32")
        half = _halved(full)
        quarter = _halved(half)
        height, width = ops.shape(inputs)[1] // CELL, ops.shape(inputs)[2] // CELL
        # Odd sizes may bring half a cell more.
        full_energies = _energies(full, self._full, stride=2, pool=2)[:, :height, :width]
        half_energies = _energies(half, self._half, pool=2)[:, :height, :width]
        energies = [full_energies, half_energies, _energies(quarter, self._quarter)]
        maps = [*(ops.log(each + NOISE) for each in energies), ops.matmul(quarter, self._means)]
        return ops.concatenate(maps, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(N, H // 4, W // 4, 59)."""
        count, height, width, _ = input_shape
        maps = sum(filters.shape[-1] for filters in (self._full, self._half, self._quarter)) + len(_LUMA_AND_OPPONENTS)
        return count, height and height // CELL, width and width // CELL, maps


def _cosine_filters(size: int, frequencies: tuple[tuple[int, int], ...] | None = None) -> NDArray[np.float64]:
    """Filters (size, size, filters) of the orthonormal DCT-II, all but the mean or those of the frequencies (down, across)."""
    places = (2 * np.arange(size) + 1) * np.pi / (2 * size)
    basis = np.cos(np.outer(np.arange(size), places)) * np.sqrt(2 / size)
    basis[0] = size**-0.5
    chosen = frequencies or [(i, j) for i in range(size) for j in range(size) if i or j]
    return np.stack([np.outer(basis[i], basis[j]) for i, j in chosen], -1)


def _of_rgb(filters: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Filters (size, size, F) for luma, and where there are three sets also for the opponent colours, as one set for RGB: (size,
    size, 3, all F)."""
    colored = [
        each[:, :, None, :] * np.reshape(weights, (3, 1))
        for each, weights in zip(filters, _LUMA_AND_OPPONENTS, strict=False)
    ]
    return np.concatenate(colored, -1).astype(np.float32)


def _halved(x: Any) -> Any:
    return ops.average_pool(x, 2, 2, "valid")


def _energies(x: Any, filters: NDArray[np.float32], stride: int = 1, pool: int = 1) -> Any:
    """The answers' sizes |r| at every `stride`-th pixel, their means over `pool` x `pool` of these."""
    sizes = ops.abs(ops.conv(_mirrored(x, filters.shape[0] // 2), filters, strides=stride, padding="valid"))
    return ops.average_pool(sizes, pool, pool, "valid") if pool > 1 else sizes


def _mirrored(x: Any, around: int) -> Any:
    """With so many rows and columns more on each side, mirrored about the outermost ones: in a third of the time of `ops.pad`."""
    for axis in (1, 2):
        before, after = (
            x[:, start:end] if axis == 1 else x[:, :, start:end] for start, end in ((1, around + 1), (-around - 1, -1))
        )
        x = ops.concatenate([ops.flip(before, axis), x, ops.flip(after, axis)], axis)
    return x
