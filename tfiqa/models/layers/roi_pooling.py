"""RoI pooling: the largest features in each quarter of any number of boxes."""

from __future__ import annotations

from itertools import accumulate
from math import prod
from typing import Any

import keras
from keras import ops

STRIDE = 32  # pixels a cell of the map, and 2x2 bins a box: the authors' code of PaQ-2-PiQ
BINS = 2
# Cells that a coordinate is away at most: far beyond any picture, and near enough for exact sums.
_FARTHEST = float(1 << 22)
# Windows up to 4,095 cells (131,040 pixels), where the size is unknown while the graph is made.
_OPEN_LEVELS = 12
# A larger table (of 128 MB in float32) is made for an eighth of the channels at a time; ResNets' channels can be divided so.
_TABLE_VALUES = 1 << 25
_PARTS = 8


@keras.saving.register_keras_serializable(package="tfiqa")
class RoIPooling(keras.layers.Layer):
    """Maps (N, H, W, C), one cell for 32 pixels, and boxes (N, R, 4) to the maxima (N, R, 2, 2, C) in the boxes' quarters.

    The rule is that of torchvision's RoIPool, which PaQ-2-PiQ's weights were trained with. A box is left, top, right, bottom
    in pixels of the network's input. Each coordinate over 32 is rounded, halves away from zero; the cells of right and bottom
    belong to the box, which is at least one cell wide and high (a reversed box has the cell of its left or top). A side of n
    cells has two bins, the first and the last ``ceil(n / 2)`` cells, which share one when n is odd. What lies outside the
    map does not count. A bin without any cell is 0, and so is all of a box with a coordinate that is not finite.

    With `count` (N,), integers, only the first `count` boxes of each picture are pooled; the others give 0 and no gradient.

    The maxima of all windows of 2^i x 2^j cells are made once, each level from the one before (a sparse table in two
    dimensions). Any bin is the union of four of these windows, so that a box costs the same whatever its size. Boxes are
    float32 whatever the precision policy; the maxima have the type of the maps.

    R. Girshick, "Fast R-CNN", ICCV 2015, section 2.1; Z. Ying et al., "From Patches to Pictures (PaQ-2-PiQ)", CVPR 2020.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "autocast": False})  # half precision has no room for pixel coordinates

    def call(self, maps: Any, boxes: Any, count: Any = None) -> Any:
        """The maxima."""
        pictures, height, width, channels = ops.shape(maps)
        boxes = ops.cast(boxes, "float32")
        usable = ops.all(ops.isfinite(boxes), axis=-1)
        if count is not None:
            usable = ops.logical_and(usable, ops.arange(ops.shape(boxes)[1]) < ops.cast(count, "int32")[:, None])
        left, top, right, bottom = ops.unstack(ops.where(usable[..., None], boxes, 0.0), 4, axis=-1)
        rows, columns = _Side(top, bottom, height), _Side(left, right, width)
        filled = ops.logical_and(rows.filled[..., :, None], columns.filled[..., None, :])
        filled = ops.logical_and(filled, usable[..., None, None])[..., None, None]
        first_row = ops.reshape(ops.arange(pictures) * rows.windows, (-1, 1, 1, 1))
        places = [
            (first_row + row[..., :, None]) * columns.windows + column[..., None, :]
            for row in rows.places
            for column in columns.places
        ]

        def pooled(part: Any) -> Any:
            table = _running_maxima(_running_maxima(part, rows.levels, 1), columns.levels, 2)
            table = ops.reshape(table, (-1, ops.shape(part)[-1]))
            one, two, three, four = (ops.take(table, place, axis=0) for place in places)
            return ops.maximum(ops.maximum(one, two), ops.maximum(three, four))

        parts = _parts(pictures, rows.windows, columns.windows, channels)
        split = ops.reshape(maps, (pictures, height, width, parts, channels // parts))

        def with_next(number: Any, maxima: Any) -> tuple[Any, Any]:
            part = ops.take(split, number, axis=3)
            # The maximum changes nothing, but no part begins before the last one's table is gone.
            part = pooled(ops.maximum(part, _minus_infinity_after(maxima[:, :, 0, 0, :, 0])))
            chosen = ops.logical_and(filled, ops.arange(parts)[:, None] == number)
            # Reshaped to its own shape, as a loop asks that what is known of it stays known.
            return number + 1, ops.reshape(ops.where(chosen, part[..., None, :], maxima), ops.shape(maxima))

        state = 0, ops.zeros((pictures, ops.shape(boxes)[1], BINS, BINS, parts, channels // parts), maps.dtype)
        if isinstance(parts, int):
            for _ in range(parts):
                state = with_next(*state)
        else:
            state = ops.while_loop(lambda number, _: number < parts, with_next, state, maximum_iterations=_PARTS)
        return ops.reshape(state[1], (pictures, -1, BINS, BINS, channels))

    def compute_output_shape(
        self, maps_shape: Any, boxes_shape: Any, count_shape: Any = None
    ) -> tuple[int | None, ...]:
        """(N, R, 2, 2, C)."""
        return maps_shape[0], boxes_shape[1], BINS, BINS, maps_shape[-1]


class _Side:
    """The bins of boxes along one side of the map, and their places among its windows of 1, 2, 4, ... cells.

    Attributes:
        levels: how many lengths of windows there are; the windows stand one length after the other.
        windows: how many windows there are.
        filled: whether a bin has any cell, (N, R, 2).
        places: two windows that cover a bin, (N, R, 2) each.
    """

    def __init__(self, low: Any, high: Any, cells: Any) -> None:
        windows = _windows(cells)
        *firsts, self.windows = accumulate(windows, initial=0)
        self.levels = len(windows)
        start = _cell(low)
        length = ops.maximum(_cell(high) - start + 1, 1)
        starts = ops.clip(ops.stack([start, start + length // 2], axis=-1), 0, cells)
        stops = ops.clip(ops.stack([start + (length + 1) // 2, start + length], axis=-1), 0, cells)
        self.filled = stops > starts
        starts = ops.where(self.filled, starts, 0)
        inside = ops.where(self.filled, stops - starts, 1)
        powers = [1 << level for level in range(self.levels)]
        level = ops.sum(ops.cast(inside[..., None] >= ops.convert_to_tensor(powers[1:], "int32"), "int32"), axis=-1)
        first = ops.take(ops.stack([ops.cast(each, "int32") for each in firsts]), level)
        self.places = first + starts, first + starts + inside - ops.take(ops.convert_to_tensor(powers, "int32"), level)


def _cell(pixels: Any) -> Any:
    """C's `round` of pixels / 32: the nearest cell, int32, of two the one farther from zero."""
    cells = ops.clip(pixels / STRIDE, -_FARTHEST, _FARTHEST)
    whole = ops.floor(ops.abs(cells))
    # Adding .5 first would carry the number just below .5 up to 1.
    rounded = whole + ops.cast(ops.abs(cells) - whole >= 0.5, "float32")
    return ops.cast(ops.sign(cells) * rounded, "int32")


def _windows(cells: Any) -> list[Any]:
    """How many windows of 1, 2, 4, ... cells a side has; for an unknown number of cells, tensors, zero at the end."""
    if isinstance(cells, int):
        return [cells - (1 << level) + 1 for level in range(cells.bit_length())]
    return [ops.maximum(cells - (1 << level) + 1, 0) for level in range(_OPEN_LEVELS)]


def _running_maxima(maps: Any, levels: int, axis: int) -> Any:
    """The maxima of windows of 1, 2, 4, ... cells along an axis, 1 or 2, those of one length after the other."""
    before = (slice(None),) * axis
    maxima = [maps]
    for level in range(1, levels):
        half = 1 << (level - 1)
        shorter = maxima[-1]
        maxima.append(ops.maximum(shorter[(*before, slice(None, -half))], shorter[(*before, slice(half, None))]))
    return ops.concatenate(maxima, axis=axis)


def _minus_infinity_after(values: Any) -> Any:
    """Minus infinity, known when `values` are."""
    return ops.minimum(ops.max(ops.stop_gradient(values), initial=float("-inf")), float("-inf"))


def _parts(pictures: Any, rows: Any, columns: Any, channels: int) -> Any:
    """In how many parts the channels are pooled: an int, or a tensor where one of the numbers of windows is."""
    if channels % _PARTS:
        return 1
    if all(isinstance(count, int) for count in (pictures, rows, columns)):
        return _PARTS if pictures * rows * columns * channels > _TABLE_VALUES else 1
    # In floats, as the product may be beyond 32 bits.
    values = channels * prod(ops.cast(count, "float32") for count in (pictures, rows, columns))
    return ops.where(values > _TABLE_VALUES, _PARTS, 1)
