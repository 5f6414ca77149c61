"""Types 4, 5, 7 and 8: color."""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.distortions.blurs import gaussian
from tfiqa.distortions.family import Call, Picture, clipped, distortion
from tfiqa.distortions.lab import from_lab, to_lab
from tfiqa.distortions.stretch import stretched
from tfiqa.errors import InvalidInput

GREY = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])  # MATLAB's rgb2gray: Y of NTSC
EDGE_SIGMA = 4.0
EDGE_SHARE = 0.99  # of the pixels lie within the range that is stretched
LEAST_EDGE = 0.1


@distortion("color_diffusion")
def color_diffusion(call: Call) -> Picture:
    """The chroma a and b, blurred and multiplied; the lightness stays."""
    lab = to_lab(call.picture)
    lab[..., 1:] = call.amount * gaussian(lab[..., 1:], 1.5 * call.amount + 2)
    return clipped(from_lab(lab))


@distortion("color_shift", takes_draw=True)
def color_shift(call: Call) -> Picture:
    """Green moved down and to the right, the more visibly the nearer to an edge."""
    height, width, _ = call.picture.shape
    rows, columns = _drawn_shift(call) if call.draw is None else _given_shift(call.draw)
    rows, columns = min(rows, height), min(columns, width)  # farther away there is nothing but the edge, too
    edges = _edges(call.picture @ GREY)
    green = call.picture[..., 1]
    padded = np.pad(green, ((rows, 0), (columns, 0)), "edge")
    shifted = padded[:height, :width]
    distorted = call.picture.copy()
    distorted[..., 1] = shifted * edges + green * (1 - edges)
    return distorted


@distortion("color_saturation_1")
def color_saturation_1(call: Call) -> Picture:
    """The saturation of HSV multiplied; a negative one gives complementary colors beyond the range.

    V - a (V - C) would give every channel C of a pixel of value V in one step, were it not for halves, which it rounds to
    the other side now and then.
    """
    hue, saturation, value = _hsv(call.picture)
    saturation *= call.amount
    sector = np.floor(6 * hue)
    part = 6 * hue - sector
    low = value * (1 - saturation)
    falling = value * (1 - saturation * part)
    rising = value * (1 - saturation * (1 - part))
    channels = [
        (value, falling, low, low, rising, value),
        (rising, value, value, falling, low, low),
        (low, low, rising, value, value, falling),
    ]
    return np.stack([np.choose(sector.astype(np.intp), each) for each in channels], axis=-1)


@distortion("color_saturation_2")
def color_saturation_2(call: Call) -> Picture:
    """The chroma a and b multiplied."""
    lab = to_lab(call.picture)
    lab[..., 1:] *= call.amount
    return clipped(from_lab(lab))


def _hsv(picture: Picture) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Hue, saturation and value, each of 0..1; hue does not reach 1."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    value = picture.max(axis=-1)
    chroma = value - picture.min(axis=-1)
    some = np.where(chroma > 0, chroma, 1)
    hue = np.where(
        red == value,
        (green - blue) / some,
        np.where(green == value, 2 + (blue - red) / some, 4 + (red - green) / some),
    )
    hue /= 6
    return np.where(hue < 0, hue + 1, hue), chroma / np.where(value > 0, value, 1), value


def _drawn_shift(call: Call) -> tuple[int, int]:
    """Of length `amount`; the direction is that of a point drawn from a square, so diagonals are the most frequent."""
    direction = call.random.uniform(size=2)
    rows, columns = np.floor(call.amount * direction / np.linalg.norm(direction) + 0.5)
    return int(rows), int(columns)


def _given_shift(draw: Any) -> tuple[int, int]:
    try:
        rows, columns = (index(side) for side in draw)
    except (TypeError, ValueError):
        rows = columns = -1
    if min(rows, columns) < 0:
        raise InvalidInput(f"color_shift draws (rows, columns), both from 0. Received: {draw!r}")
    return rows, columns


def _edges(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 to 1, high near edges."""
    strength = gaussian(np.hypot(*np.gradient(grey)), EDGE_SIGMA)
    strength = stretched(np.clip(stretched(strength), LEAST_EDGE, 1))
    return stretched(np.clip(strength, 1 - _high(1 - strength), _high(strength)))


def _high(values: NDArray[np.float64]) -> float:
    """The value below which all but a hundredth lie."""
    place = min(max(math.floor(EDGE_SHARE * values.size + 0.5), 1), values.size) - 1
    return float(np.partition(values, place, axis=None)[place])
