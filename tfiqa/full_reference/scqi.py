"""SC-QI: how alike blocks are in structural contrast, in the energy of three frequency bands, and in colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import Picture, mix, reduced
from tfiqa.full_reference.pooling import TINY, real_power, weighted_mean
from tfiqa.images.filters import sides, similarity

CHECKED = "not verified against the authors' code"

BLOCK = 4  # ours; 8 gives nearly the same scores
# VSI's planes of R, G, B (luminance and two opponent colours), and its constant and exponent for colours.
LMN = ((0.06, 0.63, 0.27), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))
COLOUR_CONSTANT, COLOUR_EXPONENT = 130, 0.02
STRUCTURE_CONSTANT, BAND_CONSTANT = 30, 100  # ours: squares of amplitudes that are plainly seen
FLOOR = 1e-6  # added to energies under a root, whose gradient is infinite at 0

_waves = np.arange(BLOCK)
_cosines = np.cos(np.pi * np.outer(_waves, 2 * _waves + 1) / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
_cosines[0] /= np.sqrt(2)
TRANSFORM = np.kron(_cosines, _cosines)[1:]  # (15, 16): the orthonormal DCT of a block's pixels without the mean
_frequencies = np.add.outer(_waves, _waves).ravel()[1:]
# Ours: u + v from 1 to 6 in thirds, so 5 low, 7 middle and 3 high coefficients.
BANDS = np.stack([(_frequencies + 1) // 2 == third for third in (1, 2, 3)]).astype(float)


def block_features(picture: Picture) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of each 4x4 block of the reduced picture: structural contrast (N, K), amplitudes of three bands (N, 3, K), and the
    mean of both opponent colours (N, 2, K). Rows and columns left over are not used."""
    planes = mix(picture.get(reduced), LMN)
    height, width = sides(planes)
    rows, columns = height // BLOCK, width // BLOCK
    blocks = tf.reshape(planes[..., : rows * BLOCK, : columns * BLOCK], (-1, 3, rows, BLOCK, columns, BLOCK))
    colours = tf.reshape(tf.reduce_mean(blocks[:, 1:], (3, 5)), (-1, 2, rows * columns))
    pixels = tf.reshape(tf.transpose(blocks[:, 0], (0, 2, 4, 1, 3)), (-1, BLOCK * BLOCK, rows * columns))
    energies = tf.square(tf.matmul(tf.constant(TRANSFORM, planes.dtype), pixels))
    mean_energy = tf.reduce_mean(energies, 1)
    kurtosis = (tf.reduce_mean(energies * energies, 1) + TINY) / (mean_energy * mean_energy + TINY)
    structural_contrast = tf.sqrt(mean_energy + FLOOR) / kurtosis
    bands = tf.sqrt(tf.matmul(tf.constant(BANDS, planes.dtype), energies) + FLOOR)
    return structural_contrast, bands, colours


@measure("scqi", low=0, high=1, higher_is_better=True, smallest_side=BLOCK, checked=CHECKED)
def score(pair: Pair) -> tf.Tensor:
    """(N,) scores."""
    (contrast, bands, colours), (other_contrast, other_bands, other_colours) = pair.both(block_features)
    structure = similarity(contrast, other_contrast, STRUCTURE_CONSTANT)
    sensitivity = tf.reduce_prod(similarity(bands, other_bands, BAND_CONSTANT), 1)
    colour = tf.reduce_prod(similarity(colours, other_colours, COLOUR_CONSTANT), 1)
    quality = structure * real_power(sensitivity, 1 / 3) * real_power(colour, COLOUR_EXPONENT)
    weights = tf.maximum(contrast, other_contrast)
    return weighted_mean(quality[:, None], weights[:, None])


def scqi(reference: Any, distorted: Any) -> tf.Tensor:
    """A structural contrast-quality index after S.-H. Bae and M. Kim (IEEE TIP 25(5), 2016).

    Not verified against the authors' code, which is not at hand: scores are not those of published tables. Certain
    (the paper's abstract, and that of the authors' JND profile, IEEE TIP 23(8), 2014): three kinds of features are
    compared, namely the structural contrast index, which joins the intensity of the contrast and how structured it is;
    features for the eye's contrast sensitivity; and variations of colour. Inferred: the features are taken from blocks of
    DCT coefficients, contrast is divided by kurtosis, and sensitivity goes by low, middle and high frequencies.

    Ours: the picture is brought near 256 pixels by the zero-padded box mean, as FSIM and VSI do; L, M and N planes; 4x4
    blocks side by side. Structural contrast is the root mean square of the 15 coefficients without the mean, divided by
    their kurtosis (mean of fourth powers over squared mean of squares). Bands are the amplitudes where u + v is 1-2, 3-4
    and 5-6; colours the block means of M and N. All are compared by (2ab + c) / (a^2 + b^2 + c), c = 30, 100 and 130. A
    block's quality is the structural likeness, times the geometric mean over the bands, times the product over the colours
    to the power 0.02 (its real part where negative); the score is the mean weighted by the greater structural contrast.
    Colours are treated as in VSI. The reduction, the block side, the mean over the bands and the weights were chosen among a
    few readings by the rank correlation with KADID-10k's mean scores per distortion and level, so a result on KADID-10k is
    not an independent one.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.

    Returns:
        (N,) or a scalar: 0..1, 1 for identical pictures; higher is better. Symmetric. A change of brightness alone counts
        only by its colours. Flat pictures: every block weighs the same. Differentiable.

    Raises:
        InvalidInput: shapes that do not fit, a side below 4.
    """
    return evaluate("scqi", reference, distorted)
