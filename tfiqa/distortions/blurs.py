"""Types 1 to 3: out of focus or in motion. Beyond the border the picture's edge pixels go on."""

from __future__ import annotations

import math
import sys

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from scipy.signal import fftconvolve

from tfiqa.distortions.family import Call, Picture, distortion
from tfiqa.errors import InvalidInput

DEGREES = 180  # of an angle that is drawn: whole ones, 0 to 180


@distortion("gaussian_blur")
def gaussian_blur(call: Call) -> Picture:
    """Every channel under a Gaussian."""
    return gaussian(call.picture, call.amount)


@distortion("lens_blur")
def lens_blur(call: Call) -> Picture:
    """Every channel under a disk."""
    return _correlate(call.picture, disk(int(call.amount)))


@distortion("motion_blur", takes_draw=True)
def motion_blur(call: Call) -> Picture:
    """Every channel under a line at a drawn angle."""
    angle = call.random.integers(DEGREES, endpoint=True) if call.draw is None else call.draw
    try:
        kernel = line(int(call.amount), float(angle))
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(f"motion_blur draws an angle in degrees. Received: {angle!r}") from None
    return _correlate(call.picture, kernel)


def gaussian(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Blurs (H, W, ...) along its first two axes; the taps reach ceil(2 sigma) pixels to either side."""
    radius = math.ceil(2 * sigma)
    taps = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    return correlate1d(correlate1d(values, taps, axis=0, mode="nearest"), taps, axis=1, mode="nearest")


def disk(radius: int) -> NDArray[np.float64]:
    """How much of each pixel a circle around the middle one covers, sum 1, as MATLAB's fspecial('disk').

    Args:
        radius: whole pixels, from 1.

    Returns:
        (2 radius + 1, 2 radius + 1).
    """
    offsets = np.abs(np.arange(-radius, radius + 1.0))
    far = np.maximum(offsets[:, None], offsets)  # by symmetry, all in one octant
    near = np.minimum(offsets[:, None], offsets)
    # Between `start` and `stop` the circle runs through the pixel; before `start` it passes beyond its far side.
    start = np.maximum(near - 0.5, np.sqrt(np.maximum(radius**2 - (far + 0.5) ** 2, 0)))
    start = np.where(radius > far + 0.5, np.minimum(start, near + 0.5), near - 0.5)
    stop = np.minimum(near + 0.5, np.sqrt(np.maximum(radius**2 - (far - 0.5) ** 2, 0)))
    stop = np.maximum(stop, start)
    covered = _under_arc(stop, radius) - _under_arc(start, radius) - (far - 0.5) * (stop - start) + start - (near - 0.5)
    covered[radius, radius] = 1
    return covered / covered.sum()


def line(length: int, angle: float) -> NDArray[np.float64]:
    """A line of width one, its edge softened over a pixel, as MATLAB's fspecial('motion').

    Args:
        length: pixels, from 1, which leaves a picture as it is.
        angle: degrees, counter-clockwise from the right.

    Returns:
        An array of odd sides, just large enough; sum 1.
    """
    epsilon = sys.float_info.epsilon
    half = (length - 1) / 2
    radians = math.fmod(angle, DEGREES) % DEGREES / DEGREES * math.pi
    cosine, sine = math.cos(radians), math.sin(radians)
    side = math.copysign(1, cosine)  # of the half-plane in which half of the line lies; rows go down
    columns = math.trunc(half * cosine + side - length * epsilon)
    rows = math.trunc(half * sine + 1 - length * epsilon)
    x, y = np.meshgrid(side * np.arange(abs(columns) + 1), np.arange(rows + 1.0))
    distance = y * cosine - x * sine
    is_end = (np.hypot(x, y) >= half) & (np.abs(distance) <= 1)  # near the end it is the distance to the end point
    beyond = half - np.abs((x + distance * sine) / cosine)
    distance = np.where(is_end, np.hypot(distance, beyond), distance)
    quarter = np.maximum(1 + epsilon - np.abs(distance), 0)
    kernel = np.zeros((2 * rows + 1, 2 * abs(columns) + 1))
    kernel[: rows + 1, : abs(columns) + 1] = quarter[::-1, ::-1]
    kernel[rows:, abs(columns) :] = quarter
    kernel /= kernel.sum() + epsilon * length**2
    return kernel[::-1] if cosine > 0 else kernel


def _under_arc(height: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """The integral of sqrt(radius^2 - t^2) from 0 to `height`."""
    share = np.clip(height / radius, -1, 1)
    return radius**2 / 2 * (np.arcsin(share) + share * np.sqrt(1 - share**2))


def _correlate(picture: Picture, kernel: NDArray[np.float64]) -> Picture:
    rows, columns = (side // 2 for side in kernel.shape)
    flipped = kernel[::-1, ::-1]
    channels = [
        fftconvolve(np.pad(picture[..., channel], ((rows, rows), (columns, columns)), "edge"), flipped, "valid")
        for channel in range(picture.shape[2])
    ]
    return np.stack(channels, axis=-1)
