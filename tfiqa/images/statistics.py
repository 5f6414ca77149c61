"""Brightness, colourfulness, contrast and complexity of a picture: the features by which PaQ-2-PiQ chose its pictures.

Z. Ying et al., "From patches to pictures (PaQ-2-PiQ)", CVPR 2020, section 3.1, names the features; the definitions below
are those of the works it cites. The number of detected faces, its sixth feature, is not among them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput

PEAK = 255.0
GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma of RGB samples as stored, without linearisation
RED_GREEN = np.array([1.0, -1.0, 0.0])  # Hasler and Suesstrunk's opponent channels
YELLOW_BLUE = np.array([0.5, 0.5, -1.0])
MEAN_WEIGHT = 0.3  # of the mean chroma beside its deviation; Hasler and Suesstrunk, M(3)
SMALLEST_SIDE = 3  # pixels; below that no pixel has all the neighbours of the Sobel kernels
STRIP_PIXELS = 2**15  # taken at a time: the planes of the strip stay in a processor's cache, and memory small


@dataclass(frozen=True)
class PictureStatistics:
    """Features of one picture; standard deviations divide by the number of pixels.

    Args:
        absolute_brightness: mean over the pixels of L = R + G + B, 0..765 (PaQ-2-PiQ, section 3.1).
        hasler_colorfulness: sigma + 0.3 mu of the opponent channels rg = R - G and yb = (R + G) / 2 - B, where sigma and
            mu are the root sums of squares of the two deviations and of the two means; 0 for a grey picture, 109 is
            "extremely colourful" (D. Hasler, S. Suesstrunk, "Measuring colorfulness in natural images", 2003, M(3)).
        rms_contrast: standard deviation of the grey values (`GREY`) divided by 255, 0..0.5 (E. Peli, "Contrast in
            complex images", 1990).
        spatial_information: standard deviation of the gradient magnitude sqrt(sh^2 + sv^2) of the grey values 0..255,
            sh and sv filtered with the Sobel kernels of weights 1 2 1 and -1 0 1, without division (H. Yu, S. Winkler,
            "Image complexity and spatial information", 2013, SI_stdev). Pixels at the border, which lack neighbours,
            have no gradient and do not count.
        pixel_count: width times height.
        width: pixels.
        height: pixels.
        aspect_ratio: width / height.
    """

    absolute_brightness: float
    hasler_colorfulness: float
    rms_contrast: float
    spatial_information: float
    pixel_count: int
    width: int
    height: int
    aspect_ratio: float


STATISTICS = tuple(field.name for field in fields(PictureStatistics))


def picture_statistics(picture: NDArray[np.uint8] | NDArray[np.floating]) -> PictureStatistics:
    """The features of a picture, computed in float64.

    The picture is gone through in strips, so that beyond it a few megabytes are used whatever its size.

    Args:
        picture: (H,W,3) RGB, uint8 or floating point of the scale 0..255.

    Raises:
        InvalidInput: another shape or type, or a side of fewer than 3 pixels.
    """
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise InvalidInput(f"a picture has the shape (H,W,3). Received: {picture.shape}")
    if picture.dtype != np.uint8 and not np.issubdtype(picture.dtype, np.floating):
        raise InvalidInput(f"a picture is uint8 or floating point. Received: {picture.dtype}")
    height, width, _ = picture.shape
    if min(height, width) < SMALLEST_SIDE:
        raise InvalidInput(f"has {width} x {height} pixels; its statistics need {SMALLEST_SIDE} x {SMALLEST_SIDE}")
    pixels = height * width
    # Values are taken relative to the first pixel, which changes no deviation and makes those of a flat picture exactly 0.
    first = picture[0, 0].astype(np.float64)
    sums, products = np.zeros(3), np.zeros((3, 3))
    gradient_sum = gradient_squares = 0.0
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = np.ascontiguousarray(picture[top : top + rows + 2].transpose(2, 0, 1)).astype(np.float64)
        strip -= first[:, np.newaxis, np.newaxis]
        own = strip[:, :rows].reshape(3, -1)  # the two rows more are the neighbours of the last
        sums += own.sum(axis=1)
        products += own @ own.T  # exact for whole numbers, which 2^53 bounds
        squares = _squared_gradients(np.tensordot(GREY, strip, axes=1))
        gradient_squares += float(squares.sum())
        gradient_sum += float(np.sqrt(squares, out=squares).sum())
    shift = sums / pixels
    covariance = products / pixels - np.outer(shift, shift)
    mean = first + shift
    inner = (height - 2) * (width - 2)
    chroma_mean = math.hypot(mean @ RED_GREEN, mean @ YELLOW_BLUE)
    chroma_deviation = math.hypot(_deviation(RED_GREEN, covariance), _deviation(YELLOW_BLUE, covariance))
    gradient_variance = max(gradient_squares / inner - (gradient_sum / inner) ** 2, 0.0)
    return PictureStatistics(
        absolute_brightness=float(mean.sum()),
        hasler_colorfulness=chroma_deviation + MEAN_WEIGHT * chroma_mean,
        rms_contrast=_deviation(GREY, covariance) / PEAK,
        spatial_information=math.sqrt(gradient_variance),
        pixel_count=pixels,
        width=width,
        height=height,
        aspect_ratio=width / height,
    )


def _deviation(weights: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """The standard deviation of a weighted sum of the channels; rounding may bring a variance of 0 below it."""
    return math.sqrt(max(float(weights @ covariance @ weights), 0.0))


def _squared_gradients(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """sh^2 + sv^2 of the pixels that have all their neighbours: (H,W) to (H-2,W-2)."""
    down = grey[:-2] + grey[2:]
    down += 2 * grey[1:-1]
    across = grey[:, :-2] + grey[:, 2:]
    across += 2 * grey[:, 1:-1]
    horizontal = down[:, 2:] - down[:, :-2]
    vertical = across[2:] - across[:-2]
    horizontal *= horizontal
    vertical *= vertical
    horizontal += vertical
    return horizontal
