"""SR-SIM: edges compared, weighed by a saliency from the residual of the spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import Picture, luma_edges, reduced_luma
from tfiqa.full_reference.pooling import weighted_mean
from tfiqa.images.filters import as_complex, correlate_valid, reduction_factor, similarity
from tfiqa.images.matlab_resize import resize_matrix

SHRINK = 4  # the saliency is found on a quarter of the reduced picture's sides
BLUR_TAPS, BLUR_SPREAD = 10, 3.8
SALIENCY_CONSTANT, EDGE_CONSTANT = 0.40, 225

_offsets = np.arange(BLUR_TAPS) - (BLUR_TAPS - 1) / 2
_bell = np.exp(-(_offsets**2) / (2 * BLUR_SPREAD**2))
BLUR = tuple(_bell / _bell.sum())
BEFORE = (BLUR_TAPS - 1) // 2  # taps before the middle of the blur, of which an even number has none

# A Fourier coefficient below it is rounding noise of float64, or 0, whose logarithm is infinite in the published code.
LEAST_AMPLITUDE = 1e-10
FLAT = 1e-3  # grey levels by which the small picture must differ within: rounding in float32 stays below 1e-4


def sr_sim_rows(height: int, width: int) -> NDArray[np.float64]:
    """Table: rows of the reduced picture to a quarter."""
    return resize_matrix(_reduced_side(height, height, width), "bicubic", scale=1 / SHRINK)


def sr_sim_columns(height: int, width: int) -> NDArray[np.float64]:
    """Table: columns of the reduced picture to a quarter."""
    return resize_matrix(_reduced_side(width, height, width), "bicubic", scale=1 / SHRINK)


def sr_sim_rows_back(height: int, width: int) -> NDArray[np.float64]:
    """Table: the quarter of the rows to all."""
    return _back(_reduced_side(height, height, width))


def sr_sim_columns_back(height: int, width: int) -> NDArray[np.float64]:
    """Table: the quarter of the columns to all."""
    return _back(_reduced_side(width, height, width))


def _reduced_side(side: int, height: int, width: int) -> int:
    return -(-side // reduction_factor(height, width))


def _back(side: int) -> NDArray[np.float64]:
    return resize_matrix(-(-side // SHRINK), "bicubic", new_size=side)


@measure(
    "sr_sim",
    low=0,
    high=1,
    higher_is_better=True,
    smallest_side=5,
    tables=(sr_sim_rows, sr_sim_columns, sr_sim_rows_back, sr_sim_columns_back),
)
def score(pair: Pair) -> tf.Tensor:
    """(N,) scores."""
    (salient, salient2), (edges, edges2) = pair.both(spectral_saliency), pair.both(luma_edges)
    quality = similarity(salient, salient2, SALIENCY_CONSTANT) * tf.sqrt(similarity(edges, edges2, EDGE_CONSTANT))
    return weighted_mean(quality, tf.maximum(salient, salient2))


def spectral_saliency(picture: Picture) -> tf.Tensor:
    """Saliency by the spectral residual (Hou and Zhang, CVPR 2007), about 0..1; 0 of a flat picture: (N, h, w).

    The small picture is worked on in float64: the logarithm of small Fourier coefficients is at float32's mercy.
    """
    luma, rows, columns = (
        tf.cast(x, tf.float64)
        for x in (picture.get(reduced_luma), picture.table(sr_sim_rows), picture.table(sr_sim_columns))
    )
    small = tf.matmul(tf.matmul(rows, luma), columns, transpose_b=True)
    is_flat = (_highest(small) - _lowest(small)) < FLAT
    energy = _blurred(_residual_energy(small))
    energy = tf.where(is_flat, tf.zeros_like(energy), energy)
    low, high = _lowest(energy), _highest(energy)
    normalised = (energy - low) / tf.where(is_flat, tf.ones_like(low), high - low)
    normalised = tf.cast(normalised, picture.dtype)
    rows, columns = picture.table(sr_sim_rows_back), picture.table(sr_sim_columns_back)
    return tf.matmul(rows, tf.matmul(normalised, columns, transpose_b=True))


def _residual_energy(planes: tf.Tensor) -> tf.Tensor:
    """Squared modulus of the picture whose log amplitudes lack their local mean: (N, h, w)."""
    spectrum = tf.signal.fft2d(as_complex(planes))
    squared = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
    log_amplitude = 0.5 * tf.math.log(tf.maximum(squared, LEAST_AMPLITUDE**2))
    # exp(residual + i phase) = spectrum exp(-local mean), without an angle.
    whitened = spectrum * as_complex(tf.exp(-_box_mean(log_amplitude)))
    picture = tf.signal.ifft2d(whitened)
    return tf.square(tf.math.real(picture)) + tf.square(tf.math.imag(picture))


def _box_mean(planes: tf.Tensor) -> tf.Tensor:
    """Mean of 3x3, the border repeated outwards: (N, h, w)."""
    whole = tf.concat([planes[:, :1], planes, planes[:, -1:]], 1)
    whole = whole[:, :-2] + whole[:, 1:-1] + whole[:, 2:]
    whole = tf.concat([whole[..., :1], whole, whole[..., -1:]], 2)
    return (whole[..., :-2] + whole[..., 1:-1] + whole[..., 2:]) / 9


def _blurred(planes: tf.Tensor) -> tf.Tensor:
    """Correlation with the 10x10 Gaussian, zeros outside: (N, h, w)."""
    around = [BEFORE, BLUR_TAPS - 1 - BEFORE]
    return correlate_valid(tf.pad(planes, [[0, 0], around, around]), BLUR, BLUR)


def _lowest(planes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_min(planes, (1, 2), keepdims=True)


def _highest(planes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(planes, (1, 2), keepdims=True)


def sr_sim(reference: Any, distorted: Any) -> tf.Tensor:
    """Spectral-residual similarity (L. Zhang, H. Li, ICIP 2012).

    A picture that is flat where it was reduced has saliency 0 everywhere (the published code takes the logarithm of 0);
    two of them are compared without weights.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.

    Returns:
        (N,) or a scalar in about [0, 1]: 1 for identical pictures, higher is better. Symmetric. Differentiable, but the
        saliency depends on its least and largest values, whose gradients go to single pixels.

    Raises:
        InvalidInput: shapes that do not fit, a side below 5, of which no saliency map remains.
    """
    return evaluate("sr_sim", reference, distorted)
