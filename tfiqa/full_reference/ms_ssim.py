"""MS-SSIM: SSIM's structure at five scales, each half the size of the one before, and its luminance at the last."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import grey_of
from tfiqa.full_reference.pooling import real_power
from tfiqa.full_reference.ssim import full_size_losses, luminance_and_structure_losses, mean_ssim
from tfiqa.images.filters import reduce_mirrored

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # the paper's, from the finest scale on; they add up to 1.0001
SMALLEST_SIDE = 11 * 2 ** (len(WEIGHTS) - 1)  # the window must fit into the last scale


@measure("ms_ssim", low=0, high=1, higher_is_better=True, smallest_side=SMALLEST_SIDE)
def score(pair: Pair, grey: str = "gray_u8") -> tf.Tensor:
    """(N,) scores; the options are those of `ms_ssim`."""
    reference, distorted = pair.both(grey_of(grey))
    luminance_loss, structure_loss = pair.get(full_size_losses(grey))
    product = 1.0
    for weight in WEIGHTS[:-1]:
        product *= _clipped_power(1 - tf.reduce_mean(structure_loss, (1, 2)), weight)
        reference, distorted = reduce_mirrored(reference, 2), reduce_mirrored(distorted, 2)
        luminance_loss, structure_loss = luminance_and_structure_losses(reference, distorted)
    return product * _clipped_power(mean_ssim(luminance_loss, structure_loss), WEIGHTS[-1])


def _clipped_power(mean: tf.Tensor, exponent: float) -> tf.Tensor:
    return real_power(tf.maximum(mean, 0), exponent)


def ms_ssim(reference: Any, distorted: Any, *, grey: str = "gray_u8") -> tf.Tensor:
    """Multi-scale structural similarity (Z. Wang, E. Simoncelli, A. Bovik, Asilomar Conference, 2003).

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.
        grey: "gray_u8", MATLAB's rounded rgb2gray as the published values use, or "y_float".

    Returns:
        (N,) or a scalar in [0, 1]: 1 for identical pictures; higher is better. Symmetric. Where the mean of a scale is
        negative (a photograph and its negative) the authors' code gives a complex number, here it counts as 0, and so
        does the score, whose gradient is then 0 too. Differentiable otherwise.

    Raises:
        InvalidInput: shapes that do not fit, a side below 176, no such grey.
    """
    return evaluate("ms_ssim", reference, distorted, grey=grey)
