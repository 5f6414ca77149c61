"""Overlapping patches of a picture, as SPAQ's test protocol takes them (224 pixels a side, every 112)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput

SPAQ_SIZE = 224
SPAQ_STRIDE = 112


def patch_starts(length: int, size: int = SPAQ_SIZE, stride: int = SPAQ_STRIDE) -> list[int]:
    """Where the patches begin along one side of a picture.

    Args:
        length: pixels along the side.
        size: pixels of a patch along it.
        stride: pixels from one patch to the next.

    Returns:
        0, stride, 2 stride, ... and, where the last of these is not flush with the far border, one more that is. A
        side shorter than a patch gives [0]: the patch then has the side's own length. (SPAQ's code fails there; its
        networks take patches of any size, and native pixels are worth more than enlarged ones.)

    Raises:
        InvalidInput: for a size or stride below 1.
    """
    if size < 1 or stride < 1:
        raise InvalidInput(f"patches need a size and a stride of at least 1 pixel. Received: {size} and {stride}")
    last = max(length - size, 0)
    return [min(index * stride, last) for index in range(-(-last // stride) + 1)]


def patch_grid(height: int, width: int, size: int = SPAQ_SIZE, stride: int = SPAQ_STRIDE) -> NDArray[np.int64]:
    """Top and left of every patch of a picture, row by row: int64 (P,2). Raises InvalidInput as `patch_starts`."""
    tops, lefts = patch_starts(height, size, stride), patch_starts(width, size, stride)
    return np.array([(top, left) for top in tops for left in lefts], np.int64)


def extract_patches(picture: NDArray[np.uint8], size: int = SPAQ_SIZE, stride: int = SPAQ_STRIDE) -> NDArray[np.uint8]:
    """The patches of a picture, in the order of `patch_grid`.

    Args:
        picture: uint8 (H,W,3).
        size: pixels of a patch along each side.
        stride: pixels from one patch to the next.

    Returns:
        uint8 (P,h,w,3), where h and w are `size`, or the picture's own side where that is shorter.

    Raises:
        InvalidInput: for a size or stride below 1.
    """
    height, width = picture.shape[:2]
    grid = patch_grid(height, width, size, stride)
    return np.stack([picture[top : top + size, left : left + size] for top, left in grid])
