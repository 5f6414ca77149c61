"""Floyd and Steinberg's error diffusion with a palette, column by column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfiqa.distortions.color_cells import cell_index

# Sixteenths of the error for: the next pixel down; in the next column the row above, the same row, the row below.
SHARES = np.array([7, 3, 5, 1], np.int16)[:, np.newaxis, np.newaxis]
WAVES = 4  # one in work and three that it passes errors to


def column_dither(
    planes: NDArray[np.uint8], palette: NDArray[np.integer], nearest: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Error diffusion (R. Floyd, L. Steinberg, An adaptive algorithm for spatial greyscale, 1976) as MATLAB's dither does it.

    Columns from left to right, each from top to bottom. A pixel with the errors passed to it is limited to 0..255 and gets
    the color of its cell; shares of what it then lacks are each rounded, halves away from zero, and passed on. What goes
    beyond the border is lost.

    A pixel needs those above it and, in the column before, down to the row below its own. So all pixels of equal
    row + 2 * column, a wave, are computed together; where columns are contiguous they lie rows - 2 apart.

    Args:
        planes: (3, W, H): planes of red, green and blue, columns contiguous; H from 3.
        palette: (C, 3), 0..255.
        nearest: of `inverse_colormap`.

    Returns:
        (W, H), indices of colors.
    """
    _, width, height = planes.shape
    pixels = planes.reshape(3, -1)
    chosen = np.empty(width * height, np.uint8)
    colors = np.ascontiguousarray(palette.T, dtype=np.int16)
    table = nearest.reshape(-1)
    errors = np.zeros(
        (WAVES, 3, width + 1), np.int16
    )  # passed to a wave, by column; the last column is beyond the border
    for wave in range(height + 2 * (width - 1)):
        first, stop = max(0, (wave - height + 2) // 2), min(width, wave // 2 + 1)  # its columns
        places = slice(wave + first * (height - 2), wave + (stop - 1) * (height - 2) + 1, height - 2)
        due, next_1, next_2, next_3 = (errors[(wave + later) % WAVES] for later in range(WAVES))
        values = pixels[:, places] + due[:, first:stop]
        due.fill(0)
        np.maximum(values, 0, out=values)
        np.minimum(values, 255, out=values)
        index = table.take(cell_index(values))
        chosen[places] = index
        lacking = values - colors.take(index, 1)
        shares = _sixteenths(lacking)
        next_1[:, first:stop] += shares[0]
        next_1[:, first + 1 : stop + 1] += shares[1]
        next_2[:, first + 1 : stop + 1] += shares[2]
        next_3[:, first + 1 : stop + 1] += shares[3]
    return chosen.reshape(width, height)


def _sixteenths(lacking: NDArray[np.int16]) -> NDArray[np.int16]:
    """(4, 3, N): the shares of an error, rounded with halves away from zero."""
    shares = SHARES * lacking
    shares += 8 + (lacking >> 15)  # the shift rounds down, so that 8 rounds halves up, and 7, for negative errors, down
    shares >>= 4
    return shares
