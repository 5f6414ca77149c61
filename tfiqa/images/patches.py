"""A grid of patches of a picture, as SPAQ's test protocol takes them (224 pixels a side, every 112) or DCNNS (64, every 160)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput

SPAQ_SIZE = 224
SPAQ_STRIDE = 112
ENDS = ("flush", "within")


def patch_starts(length: int, size: int = SPAQ_SIZE, stride: int = SPAQ_STRIDE, ends: str = "flush") -> list[int]:
    """Where the patches begin along one side of a picture.

    Args:
        length: pixels along the side.
        size: pixels of a patch along it.
        stride: pixels from one patch to the next.
        ends: "flush": where the last patch is not flush with the far border, one more that is; a side shorter than a patch has
            one patch of the side's own length. (SPAQ's code fails there; its networks take patches of any size, and native
            pixels are worth more than enlarged ones.) "within": none but those at multiples of the stride.

    Returns:
        0, stride, 2 stride, ... and perhaps the flush one.

    Raises:
        InvalidInput: for a size or stride below 1, and with "within" for a side shorter than a patch.
    """
    if size < 1 or stride < 1:
        raise InvalidInput(f"patches need a size and a stride of at least 1 pixel. Received: {size} and {stride}")
    if ends == "within":
        if length < size:
            raise InvalidInput(f"a side of {length} pixels; patches of {size} pixels take sides from {size}")
        return list(range(0, length - size + 1, stride))
    last = max(length - size, 0)
    return [min(index * stride, last) for index in range(-(-last // stride) + 1)]


def patch_grid(
    height: int, width: int, size: int = SPAQ_SIZE, stride: int = SPAQ_STRIDE, ends: str = "flush"
) -> NDArray[np.int64]:
    """Top and left of every patch of a picture, row by row: int64 (P,2). Raises InvalidInput as `patch_starts`."""
    tops, lefts = patch_starts(height, size, stride, ends), patch_starts(width, size, stride, ends)
    return np.array([(top, left) for top in tops for left in lefts], np.int64)


def extract_patches(
    picture: NDArray[np.uint8],
    size: int = SPAQ_SIZE,
    stride: int = SPAQ_STRIDE,
    ends: str = "flush",
    margin: int = 0,
) -> NDArray[np.uint8]:
    """The patches of a picture, in the order of `patch_grid`.

    Args:
        picture: uint8 (H,W,3).
        size: pixels of a patch along each side.
        stride: pixels from one patch to the next.
        ends: see `patch_starts`.
        margin: pixels of its surroundings that each patch brings along on every side; beyond its border the picture is
            mirrored, with the edge repeated. At most the picture's shorter side.

    Returns:
        uint8 (P,h,w,3), where h and w are `size`, or the picture's own side where that is shorter, and twice the margin.

    Raises:
        InvalidInput: as `patch_starts`.
    """
    height, width = picture.shape[:2]
    tops, lefts = patch_starts(height, size, stride, ends), patch_starts(width, size, stride, ends)
    tall, wide = (min(size, length) + 2 * margin for length in (height, width))
    places = np.array(tops)[:, np.newaxis] + np.arange(-margin, tall - margin)
    rows = np.where(places < 0, -1 - places, np.where(places >= height, 2 * height - 1 - places, places))
    # Rows are taken one by one, columns as slices: runs of pixels are copied many times faster than single ones.
    strips = np.pad(picture[rows.ravel()], ((0, 0), (margin, margin), (0, 0)), mode="symmetric")
    cut = np.stack([strips[:, left : left + wide] for left in lefts]).reshape(len(lefts), len(tops), tall, wide, 3)
    return cut.swapaxes(0, 1).reshape(-1, tall, wide, 3)
