"""Wu's color quantizer: the palette that leaves little variance within its boxes of the color cube."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfiqa.distortions.color_cells import SIDE, cell_index

CHUNK = 1 << 20  # samples counted at a time: bounds the memory

Box = tuple[slice, slice, slice]  # cells of red, green, blue
# (count, sum of red, of green, of blue, of all three squared) on the first axis, then cells. Integers: sums are exact.
Moments = NDArray[np.int64]


@dataclass(frozen=True)
class _Part:
    """A box with its summed squared deviation from its mean color; 0 where it cannot be split."""

    box: Box
    deviation: float


def wu_palette(samples: NDArray[np.uint8], colors: int) -> NDArray[np.int64]:
    """Palette by greedy splitting (X. Wu, Efficient statistical computations for optimal color quantization, 1991).

    Starting with the whole cube, the box with the greatest summed squared deviation is cut in two by the plane that
    leaves the least of it. The article is in Graphics Gems II; of what it leaves open, MATLAB's choices are made, as
    KADID-10k's pictures show them: cells of eight levels, and means whose fraction is dropped.

    Args:
        samples: (3, N), planes of red, green and blue.
        colors: as many as are wanted, from 1.

    Returns:
        (C, 3), 0..255, in the order the boxes came about; C is less than `colors` where there are fewer cells to tell apart.
    """
    moments = _moments(samples)
    parts = [_part(moments, (slice(0, SIDE),) * 3)]
    while len(parts) < colors:
        worst = max(range(len(parts)), key=lambda index: parts[index].deviation)  # the first of equals
        if parts[worst].deviation <= 0:
            break
        box = parts[worst].box
        cut = _best_cut(moments[(slice(None), *box)])
        if cut is None:  # all its pixels are in one cell
            parts[worst] = _Part(box, 0.0)
            continue
        lower, upper = _halves(box, *cut)
        parts[worst] = _part(moments, lower)
        parts.append(_part(moments, upper))
    sums = np.stack([_sums(moments, part.box) for part in parts])
    return sums[:, 1:4] // sums[:, :1]


def _moments(samples: NDArray[np.uint8]) -> Moments:
    moments = np.zeros((5, SIDE**3))
    for start in range(0, samples.shape[1], CHUNK):
        chunk = samples[:, start : start + CHUNK]
        cells = cell_index(chunk.astype(np.int16))
        values = chunk.astype(np.float64)
        moments[0] += np.bincount(cells, minlength=SIDE**3)
        for moment, weights in zip(moments[1:], (*values, (values * values).sum(0)), strict=True):
            moment += np.bincount(cells, weights, SIDE**3)
    return moments.astype(np.int64).reshape(5, SIDE, SIDE, SIDE)


def _sums(moments: Moments, box: Box) -> NDArray[np.int64]:
    """(5,): the moments of a box."""
    return moments[(slice(None), *box)].sum((1, 2, 3))


def _part(moments: Moments, box: Box) -> _Part:
    if all(cells.stop - cells.start == 1 for cells in box):
        return _Part(box, 0.0)
    count, *sums, squares = _sums(moments, box).astype(np.float64)
    return _Part(box, float(squares - (sums[0] ** 2 + sums[1] ** 2 + sums[2] ** 2) / count))


def _best_cut(moments: Moments) -> tuple[int, int] | None:
    """Axis and number of cells below the plane that leaves the least deviation on its two sides; None without pixels on both.

    The sum of squares does not depend on the plane, so that sum^2 / count, added over the sides, is to be greatest.
    """
    best, cut = 0.0, None
    for axis in range(3):
        others = tuple(other for other in (1, 2, 3) if other != axis + 1)
        below = moments[:4].sum(others).cumsum(1).astype(np.float64)
        lower, upper = below[:, :-1], below[:, -1:] - below[:, :-1]
        planes = np.flatnonzero((lower[0] > 0) & (upper[0] > 0))
        if planes.size == 0:
            continue
        gain = sum((side[1:, planes] ** 2).sum(0) / side[0, planes] for side in (lower, upper))
        index = int(np.argmax(gain))
        if gain[index] > best:
            best, cut = float(gain[index]), (axis, int(planes[index]) + 1)
    return cut


def _halves(box: Box, axis: int, cells: int) -> tuple[Box, Box]:
    first, second = list(box), list(box)
    plane = box[axis].start + cells
    first[axis], second[axis] = slice(box[axis].start, plane), slice(plane, box[axis].stop)
    return (first[0], first[1], first[2]), (second[0], second[1], second[2])
