"""VSI: saliency, edges and colours compared, weighed by the saliency."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import Picture, mix, reduced
from tfiqa.full_reference.pooling import real_power, weighted_mean
from tfiqa.full_reference.sdsp import SDSP_TABLES, saliency
from tfiqa.images.filters import SCHARR, gradient_magnitude, reduce_zero_padded, reduction_factor, similarity

OPPONENT_COLOURS = ((0.06, 0.63, 0.27), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))  # L, M, N
SALIENCY_CONSTANT, EDGE_CONSTANT, COLOUR_CONSTANT = 1.27, 386, 130
EDGE_EXPONENT, COLOUR_EXPONENT = 0.40, 0.02


@measure("vsi", low=0, high=1, higher_is_better=True, smallest_side=3, tables=SDSP_TABLES)
def score(pair: Pair) -> tf.Tensor:
    """(N,) scores."""
    (salient, opponent, edges), (salient2, opponent2, edges2) = pair.both(_features)
    colours = similarity(opponent[:, 1:], opponent2[:, 1:], COLOUR_CONSTANT)
    quality = (
        similarity(salient, salient2, SALIENCY_CONSTANT)
        * tf.exp(EDGE_EXPONENT * tf.math.log(similarity(edges, edges2, EDGE_CONSTANT)))
        * real_power(colours[:, 0] * colours[:, 1], COLOUR_EXPONENT)
    )
    return weighted_mean(quality, tf.maximum(salient, salient2))


def _features(picture: Picture) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Saliency (N, h, w), opponent colours (N, 3, h, w) and the edges of the first of them (N, h, w), all reduced."""
    opponent = mix(picture.get(reduced), OPPONENT_COLOURS)
    return picture.get(_reduced_saliency), opponent, gradient_magnitude(opponent[:, 0], SCHARR)


def _reduced_saliency(picture: Picture) -> tf.Tensor:
    """The saliency map in [0, 1], reduced: (N, h, w)."""
    salient, low, span = saliency(picture)
    factor = reduction_factor(picture.height, picture.width)
    # The reduction is linear: it may come before the normalisation if a map of ones, whose border the zeros around it
    # darken, goes through it too.
    ones = tf.ones_like(salient[:1])
    return (reduce_zero_padded(salient, factor) - low * reduce_zero_padded(ones, factor)) / span


def vsi(reference: Any, distorted: Any) -> tf.Tensor:
    """Visual-saliency-induced index (L. Zhang, Y. Shen, H. Li, IEEE TIP 23(10), 2014).

    A flat picture has saliency 0 everywhere (the published code divides 0 by 0 for two of them); two flat pictures are
    compared without weights. Where a picture is flat but for a grey level or two, float32 may be off by 1e-3, for colours
    count by how near they are to the least in the picture, in thousandths of their range; float64 is exact there too.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.

    Returns:
        (N,) or a scalar in [0, 1]: 1 for identical pictures, higher is better. Symmetric. Differentiable, but the saliency
        depends on its least and largest values, whose gradients go to single pixels.

    Raises:
        InvalidInput: shapes that do not fit, a side below 3.
    """
    return evaluate("vsi", reference, distorted)
