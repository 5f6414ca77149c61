"""The color cube in cells: five bits of each channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 32  # cells an axis
SHIFT = 3  # a cell holds 2^3 = 8 neighboring values of 0..255


def cell_index(planes: NDArray[np.int16]) -> NDArray[np.int16]:
    """The cells of (3, ...) values of 0..255, red first, in a table of SIDE^3 entries with blue fastest."""
    red, green, blue = planes >> SHIFT
    return (red * SIDE + green) * SIDE + blue
