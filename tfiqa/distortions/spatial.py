"""Types 19 to 21 and 23: pixels or patches in the wrong place."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.distortions.family import Call, Picture, distortion
from tfiqa.errors import InvalidInput

ROUNDS = 5  # of jitter
STRIP_SAMPLES = 1 << 15  # pixels that are jittered at once: what is made of them stays in the cache
PATCH = 16  # pixels a side of what is copied, and its distance from the border
REACH = 16  # a patch is copied by at most half of it
BLOCK = 32  # pixels a side of a color block

Place = tuple[int, int]


@distortion("jitter")
def jitter(call: Call) -> Picture:
    """Five times, every pixel is taken from a place nearby, drawn for it alone, by cubic convolution."""
    picture = call.picture
    for _ in range(ROUNDS):
        picture = _jittered(picture, call.amount * call.random.standard_normal((2, *picture.shape[:2])))
    return picture


@distortion("non_eccentricity_patch", takes_draw=True)
def non_eccentricity_patch(call: Call) -> Picture:
    """Patches copied to places close by, one after the other."""
    height, width, _ = call.picture.shape
    form = "((row, column), (row, column))"
    moves = _choices(call, _drawn_move, _given_move, f"non_eccentricity_patch draws a list of {form}")
    distorted = call.picture.copy()
    for source, target in moves:
        for row, column in (source, target):
            _check_place("non_eccentricity_patch", row, column, PATCH, height, width)
        distorted[_square(target, PATCH)] = distorted[_square(source, PATCH)].copy()
    return distorted


@distortion("pixelate")
def pixelate(call: Call) -> Picture:
    """Made smaller and larger again, each by MATLAB's nearest neighbour."""
    height, width, _ = call.picture.shape
    scale = 0.95 - call.amount**0.6
    rows, columns = (_pixelated(side, scale) for side in (height, width))
    return call.picture[np.ix_(rows, columns)]


@distortion("color_block", takes_draw=True)
def color_block(call: Call) -> Picture:
    """Squares of one color each, one after the other."""
    height, width, _ = call.picture.shape
    form = "((row, column), (R, G, B) in 0..1)"
    blocks = _choices(call, _drawn_block, _given_block, f"color_block draws a list of {form}")
    distorted = call.picture.copy()
    for (row, column), color in blocks:
        _check_place("color_block", row, column, BLOCK, height, width)
        distorted[_square((row, column), BLOCK)] = color
    return distorted


def _jittered(picture: Picture, shifts: NDArray[np.float64]) -> Picture:
    """Each pixel (r, c) from (r - shifts[0], c - shifts[1]); the picture's edge pixels go on beyond its border."""
    height, width, channels = picture.shape
    margin = math.ceil(np.abs(shifts).max()) + 2
    padded = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), "edge")
    stride = padded.shape[1]
    pixels = padded.reshape(-1, channels)
    jittered = np.empty_like(picture)
    rows_at_once = max(1, STRIP_SAMPLES // width)
    for top in range(0, height, rows_at_once):
        bottom = min(top + rows_at_once, height)
        rows = np.arange(top, bottom)[:, None] - shifts[0, top:bottom]
        columns = np.arange(width) - shifts[1, top:bottom]
        first_row, first_column = np.floor(rows), np.floor(columns)
        down, across = _cubic_weights(rows - first_row), _cubic_weights(columns - first_column)
        corner = ((first_row + margin - 1) * stride + first_column + margin - 1).astype(np.intp)
        strip = np.zeros((bottom - top, width, channels))
        for row in range(4):
            line = sum(across[place] * pixels.take(corner + (row * stride + place), axis=0) for place in range(4))
            strip += down[row] * line
        jittered[top:bottom] = strip
    return jittered


def _cubic_weights(fraction: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Of the four samples around a place, by its distance from the second (R. Keys, 1981, a = -1/2)."""
    t = fraction[..., None]
    return [
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    ]


def _drawn_move(random: np.random.Generator, height: int, width: int) -> tuple[Place, Place]:
    """A patch's upper left corner before and after. In a small picture both are held inside."""
    corner = np.array([random.uniform(PATCH, max(PATCH, side - 2 * PATCH)) for side in (height, width)]).round()
    target = (corner + REACH * (random.random(2) - 0.5)).round()
    last = np.array([height, width]) - PATCH
    (row, column), (to_row, to_column) = np.clip([corner, target], 0, last).astype(int).tolist()
    return (row, column), (to_row, to_column)


def _drawn_block(random: np.random.Generator, height: int, width: int) -> tuple[Place, NDArray[np.float64]]:
    row, column = (int(random.random() * (side - BLOCK)) for side in (height, width))
    return (row, column), random.random(3)


def _given_move(move: Any) -> tuple[Place, Place]:
    (row, column), (to_row, to_column) = move
    return (index(row), index(column)), (index(to_row), index(to_column))


def _given_block(block: Any) -> tuple[Place, NDArray[np.float64]]:
    (row, column), (red, green, blue) = block
    color = np.array([red, green, blue], np.float64)
    if not ((color >= 0) & (color <= 1)).all():
        raise ValueError
    return (index(row), index(column)), color


def _choices(call: Call, drawn: Callable[..., Any], given: Callable[[Any], Any], form: str) -> list[Any]:
    """As many as the amount, drawn one after the other, or those that the caller gives."""
    if call.draw is None:
        return [drawn(call.random, *call.picture.shape[:2]) for _ in range(int(call.amount))]
    try:
        return [given(each) for each in call.draw]
    except (TypeError, ValueError):
        raise InvalidInput(f"{form}. Received: {call.draw!r}") from None


def _check_place(name: str, row: int, column: int, side: int, height: int, width: int) -> None:
    if not (0 <= row <= height - side and 0 <= column <= width - side):
        raise InvalidInput(
            f"{name}: {side}x{side} pixels at row {row}, column {column} do not lie in {width}x{height} pixels"
        )


def _square(corner: Place, side: int) -> tuple[slice, slice]:
    return slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)


def _pixelated(side: int, scale: float) -> NDArray[np.intp]:
    """For each of `side` pixels, the one whose value it gets."""
    small = math.ceil(scale * side)
    down = _nearest(small, scale, side)
    return down[_nearest(side, side / small, small)]


def _nearest(outputs: int, scale: float, inputs: int) -> NDArray[np.intp]:
    """MATLAB's imresize: which of the inputs each output takes, its center mapped back and rounded up at halves."""
    place = np.arange(1, outputs + 1) / scale + 0.5 * (1 - 1 / scale)
    return np.clip(np.floor(place + 0.5) - 1, 0, inputs - 1).astype(np.intp)
