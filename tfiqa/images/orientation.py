"""The EXIF orientation of a picture: finding it in an EXIF block, and turning the pixels upright.

EXIF (JEITA CP-3451, tag 0x0112 of the first image directory) numbers the eight ways a camera can have been held. Each
is a transposition, or none, followed by a reversal of the rows, of the columns, of both or of neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ORIENTATION_TAG = 0x0112
SHORT_TYPE = 3  # TIFF 6.0, section 2: a 16-bit unsigned integer, the only type EXIF allows for the orientation

TRANSPOSED = (5, 6, 7, 8)
ROWS_REVERSED = (3, 4, 7, 8)
COLUMNS_REVERSED = (2, 3, 6, 7)


def exif_orientation(block: bytes) -> int:
    """The orientation that an EXIF block states, 1 (upright) to 8.

    Args:
        block: the TIFF structure inside the EXIF segment, from its byte order mark on.

    Returns:
        The first orientation entry of the first directory; 1 when there is none or the block is damaged, since a
        picture is worth showing with broken metadata.
    """
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(block[:4])
    if order is None:
        return 1

    def number(start: int, size: int) -> int:
        return int.from_bytes(block[start : start + size].ljust(size, b"\0"), order)  # type: ignore[arg-type]

    directory = number(4, 4)
    for entry in range(directory + 2, directory + 2 + 12 * number(directory, 2), 12):
        if entry + 12 > len(block):
            return 1
        if number(entry, 2) == ORIENTATION_TAG:
            value = number(entry + 8, 2)
            return value if number(entry + 2, 2) == SHORT_TYPE and 1 <= value <= 8 else 1
    return 1


def upright(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture (H,W,3) turned upright; (W,H,3) where the orientation transposes it."""
    if orientation in TRANSPOSED:
        picture = picture.swapaxes(0, 1)
    if orientation in ROWS_REVERSED:
        picture = picture[::-1]
    if orientation in COLUMNS_REVERSED:
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)
