"""What of a picture is looked at: all of it, or the crops and reflections that the MLSP authors augment with.

Reference: V. Hosu, B. Goldlücke, D. Saupe, "Effective Aesthetics Prediction with Multi-level Spatially Pooled Features", CVPR
2019, and the names of the groups in the authors' released code: crops of .875 of both sides at the corners, each
also mirrored, for training; at three places along both sides for testing, where scores are averaged.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

WHOLE = "whole"
CROP = 0.875
# Where a crop lies along a side: 0 at its beginning, 1 at its end.
TRAIN_PLACES = ("0", "1")
TEST_PLACES = ("0", "0.5", "1")


def _names(places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map("_".join, product(places, places, ("0", "1"))))


# By choice the views' names: top-to-bottom place, left-to-right place, and 1 where mirrored, left to right.
VIEWS = {"whole": (WHOLE,), "train": _names(TRAIN_PLACES), "test": _names(TEST_PLACES)}
VIEWS_MEANING = (
    "whole: the picture. Y_X_M: a crop of round(.875 side) in both directions, round(Y (height - crop)) pixels from the top and "
    "round(X (width - crop)) from the left, halves rounded up; mirrored left to right where M is 1"
)


def view_size(view: str, height: int, width: int) -> tuple[int, int]:
    """Height and width of a view of a picture."""
    return (height, width) if view == WHOLE else (_round(CROP * height), _round(CROP * width))


def view_of(picture: NDArray[np.uint8], view: str) -> NDArray[np.uint8]:
    """A view of a picture (H, W, 3), without a copy."""
    if view == WHOLE:
        return picture
    down, across, mirrored = view.split("_")
    (height, width), (crop_height, crop_width) = picture.shape[:2], view_size(view, *picture.shape[:2])
    top, left = _round(float(down) * (height - crop_height)), _round(float(across) * (width - crop_width))
    crop = picture[top : top + crop_height, left : left + crop_width]
    return crop[:, ::-1] if mirrored == "1" else crop


def _round(number: float) -> int:
    return math.floor(number + 0.5)
