"""Which color of a palette stands for each cell of the color cube: Thomas's incremental search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfiqa.distortions.color_cells import SHIFT, SIDE

CENTERS = (np.arange(SIDE, dtype=np.int32) << SHIFT) + (1 << SHIFT) // 2  # of the cells


def inverse_colormap(palette: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Table of the nearest colors (S. Thomas, Efficient inverse color map computation, Graphics Gems II, 1991).

    One color after the other claims the cells whose centers are closer to it than to those before. It looks for them
    outward from its own cell, row by row and plane by plane, and gives up at the first gap. Cells beyond a gap, up to one in
    a thousand, therefore keep a color that is only the second nearest. MATLAB's dither has exactly these: without them
    8 % of the pixels of KADID-10k's I01_06_05 come out otherwise, with them none.

    Args:
        palette: (C, 3), 0..255, up to 256 colors.

    Returns:
        (32, 32, 32): index of the color for red, green and blue >> 3. Of equally near colors the first.
    """
    nearest = np.zeros((SIDE, SIDE, SIDE), np.uint8)
    distances = np.full((SIDE, SIDE, SIDE), np.iinfo(np.int32).max, np.int32)
    for index, color in enumerate(palette.astype(np.int32)):
        red, green, blue = (CENTERS - color[:, np.newaxis]) ** 2
        candidates = red[:, np.newaxis, np.newaxis] + green[:, np.newaxis] + blue
        claimed = _reached(candidates < distances, *(int(value) >> SHIFT for value in color))
        np.copyto(distances, candidates, where=claimed)
        nearest[claimed] = index
    return nearest


def _reached(closer: NDArray[np.bool_], red: int, green: int, blue: int) -> NDArray[np.bool_]:
    """Those of the `closer` cells that the search finds from the cell (red, green, blue).

    A row of cells along blue is one integer with a bit a cell, and so is a plane with a bit for each row that holds any.
    """
    words = _words(closer)
    rows: list[list[int]] = words.tolist()
    planes: list[int] = _words(words > 0).tolist()
    reached = np.zeros((SIDE, SIDE), np.uint32)
    found = False
    for way in (range(red, SIDE), range(red - 1, -1, -1)):
        row_start = green
        for plane in way:
            if planes[plane]:
                found = True
                row_start, first, stop = _run(planes[plane], row_start)
                for line in (range(row_start, stop), range(row_start - 1, first - 1, -1)):
                    cell_start = blue
                    for row in line:
                        cell_start, low, high = _run(rows[plane][row], cell_start)
                        reached[plane, row] = (1 << high) - (1 << low)
            elif found:
                break
    return np.unpackbits(reached.astype("<u4").view(np.uint8), bitorder="little").reshape(closer.shape).view(np.bool_)


def _run(word: int, start: int) -> tuple[int, int, int]:
    """The first set bit from `start` upward, else the nearest below, and the run of set bits around it: (bit, first, stop)."""
    above = word >> start
    bit = start + (above & -above).bit_length() - 1 if above else word.bit_length() - 1
    upward = ~(word >> bit)  # its lowest set bit ends the run
    gaps = ~word & ((1 << bit) - 1)
    return bit, gaps.bit_length(), bit + (upward & -upward).bit_length() - 1


def _words(bits: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """The last axis of 32 truth values as one integer, the first in the lowest bit."""
    return np.packbits(bits, axis=-1, bitorder="little").view("<u4")[..., 0]
