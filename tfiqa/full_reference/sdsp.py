"""Saliency by simple priors: where a picture draws the eye, as VSI weighs it (Zhang, Gu, Li: SDSP, ICIP 2013)."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.full_reference.banded import bands, columns_product, rows_product
from tfiqa.full_reference.picture import Picture, mix
from tfiqa.images.matlab_resize import resize_matrix

SIDE = 256  # the saliency of every picture is found at 256x256
CENTRE_FREQUENCY, BANDWIDTH = 0.021, 1.34  # of the log-Gabor filter, cycles per pixel of the 256x256 picture
CENTRE_SPREAD = 145.0  # pixels: people look at the middle
COLOUR_SPREAD = 0.001  # of the normalised a and b: warm colours stand out

SRGB_KNEE, LAB_KNEE = 0.04045, 0.008856  # below them the two curves are straight
# Linear RGB to X, Y, Z as fractions of D50's white; the published code does not adapt from D65.
TO_XYZ = (
    (0.4124564 / 0.9642, 0.3575761 / 0.9642, 0.1804375 / 0.9642),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 0.8251, 0.1191920 / 0.8251, 0.9503041 / 0.8251),
)
# L*, a*, b* and a plane of zeros from the cube roots; L*'s offset of -16 is left out, the filter takes out the mean.
TO_LAB = ((0.0, 116.0, 0.0), (500.0, -500.0, 0.0), (0.0, 200.0, -200.0), (0.0, 0.0, 0.0))

# Grey levels by which a picture, resized, must differ within: rounding in float32 stays below 1e-4, and one pixel that
# differs by one level in 12 megapixels gives 5e-3.
FLAT = 1e-3


def sdsp_rows(height: int, width: int) -> NDArray[np.float64]:
    """Table: height resized to 256 rows."""
    return bands(resize_matrix(height, "bilinear", new_size=SIDE))


def sdsp_columns(height: int, width: int) -> NDArray[np.float64]:
    """Table: width resized to 256 columns."""
    return bands(resize_matrix(width, "bilinear", new_size=SIDE))


def sdsp_rows_back(height: int, width: int) -> NDArray[np.float64]:
    """Table: 256 rows resized to height."""
    return bands(resize_matrix(SIDE, "bilinear", new_size=height))


def sdsp_columns_back(height: int, width: int) -> NDArray[np.float64]:
    """Table: 256 columns resized to width."""
    return bands(resize_matrix(SIDE, "bilinear", new_size=width))


SDSP_TABLES = (sdsp_rows, sdsp_columns, sdsp_rows_back, sdsp_columns_back)


@functools.cache
def _log_gabor() -> NDArray[np.float64]:
    """The band-pass filter over the frequencies of fft2: (256, 256), real and even, 0 at the mean and in the corners."""
    axis = np.fft.ifftshift((np.arange(SIDE) - SIDE // 2) / SIDE)
    squared = axis[:, None] ** 2 + axis**2
    passes = (squared > 0) & (squared <= 0.25)
    radius = np.sqrt(np.where(passes, squared, 1))
    return np.where(passes, np.exp(-(np.log(radius / CENTRE_FREQUENCY) ** 2) / (2 * BANDWIDTH**2)), 0)


@functools.cache
def _centre_prior() -> NDArray[np.float64]:
    """(256, 256), 1 at row and column 127 (counted from 0), falling off as a Gaussian."""
    squares = (np.arange(1, SIDE + 1) - SIDE // 2) ** 2
    return np.exp(-(squares[:, None] + squares) / CENTRE_SPREAD**2)


def saliency(picture: Picture) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The saliency map before it is normalised, its least value and its range.

    Returns:
        (N, H, W), and (N, 1, 1) twice; of a flat picture the map is 0 and the range 1.
    """
    small = rows_product(picture.table(sdsp_rows), picture.planes, SIDE)
    small = columns_product(small, picture.table(sdsp_columns), SIDE)
    small = tf.ensure_shape(small, (None, 3, SIDE, SIDE))
    spread = tf.reduce_max(small, (2, 3)) - tf.reduce_min(small, (2, 3))
    is_flat = (tf.reduce_max(spread, 1) < FLAT)[:, None, None]
    lab = _lab(small)
    salient = _band_energy(lab) * tf.constant(_centre_prior(), lab.dtype) * _warmth(lab)
    salient = tf.where(is_flat, tf.zeros_like(salient), salient)
    back = rows_product(picture.table(sdsp_rows_back), salient, picture.height)
    back = columns_product(back, picture.table(sdsp_columns_back), picture.width)
    low, high = (f(back, (1, 2), keepdims=True) for f in (tf.reduce_min, tf.reduce_max))
    return back, low, tf.where(is_flat, tf.ones_like(low), high - low)


def _lab(rgb: tf.Tensor) -> tf.Tensor:
    """CIELAB, without L*'s offset, of 0..255: (N, 3, h, w) to (N, 4, h, w), the last plane 0."""
    # Below 0, where only a generator's output can lie, the power has no value, and its gradient must not meet the straight part.
    curved = tf.exp(2.4 * tf.math.log(tf.maximum(rgb, 0) * (1 / (255 * 1.055)) + 0.055 / 1.055))
    linear = tf.where(rgb <= SRGB_KNEE * 255, rgb * (1 / (255 * 12.92)), curved)
    xyz = mix(linear, TO_XYZ)
    # The root's infinite slope at black must not meet the zero of the branch not taken: that would be NaN.
    root = tf.exp(tf.math.log(tf.maximum(xyz, LAB_KNEE)) * (1 / 3))
    return mix(tf.where(xyz > LAB_KNEE, root, xyz * (903.3 / 116) + 16 / 116), TO_LAB)


def _band_energy(lab: tf.Tensor) -> tf.Tensor:
    """Root of the summed squares of L*, a* and b* under the log-Gabor filter: (N, h, w)."""
    # The filter is real and even: two real planes pass as one complex plane.
    paired = tf.complex(lab[:, :2], lab[:, 2:])
    passed = tf.signal.ifft2d(tf.signal.fft2d(paired) * tf.constant(_log_gabor(), paired.dtype))
    energy = tf.reduce_sum(tf.square(tf.math.real(passed)) + tf.square(tf.math.imag(passed)), 1)
    return tf.sqrt(tf.maximum(energy, 1e-24))  # a flat picture's gradient must not be infinite


def _warmth(lab: tf.Tensor) -> tf.Tensor:
    """1 but where a* and b* are both next to their least values in the picture: (N, h, w)."""
    colours = lab[:, 1:3]
    low, high = (f(colours, (2, 3), keepdims=True) for f in (tf.reduce_min, tf.reduce_max))
    spread = high - low
    scaled = (colours - low) * tf.math.divide_no_nan(tf.ones_like(spread), spread * COLOUR_SPREAD)
    return 1 - tf.exp(-tf.reduce_sum(scaled * scaled, 1))
