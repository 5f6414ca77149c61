"""ADD-GSIM: likeness of edges, pooled by where, how strongly and in what way a distortion is spread."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import Picture, gray_u8
from tfiqa.images.filters import SCHARR, gradient_magnitude, reduce_mirrored, reduction_factor, similarity

CHECKED = "not verified against the authors' code"

EDGE_CONSTANT = 170  # of the first author's other measures on such maps
SCALES = 3  # ours, as are the constants below
RANK_STEPS = 1024  # similarities that agree to one part in so many share a rank; sorting would take five times as long
FREQUENCY_CONSTANT = 1
GREY_LEVELS, BITS = 256, 8


def edge_scales(picture: Picture) -> list[tf.Tensor]:
    """Scharr gradient magnitudes of the grey picture near 256 pixels, and of two halvings of it: (N, h, w) each."""
    plane = reduce_mirrored(picture.get(gray_u8), reduction_factor(picture.height, picture.width))
    edges = [gradient_magnitude(plane, SCHARR)]
    while len(edges) < SCALES:
        plane = reduce_mirrored(plane, 2)
        edges.append(gradient_magnitude(plane, SCHARR))
    return edges


def grey_entropy(picture: Picture) -> tf.Tensor:
    """Entropy of the histogram of grey levels in bits, 0..8: (N,). It has no gradient."""
    levels = tf.cast(tf.clip_by_value(picture.get(gray_u8), 0, GREY_LEVELS - 1), tf.int32)
    counts = _histogram(tf.reshape(levels, (tf.shape(levels)[0], -1)), GREY_LEVELS, picture.dtype)
    shares = counts / tf.reduce_sum(counts, 1, keepdims=True)
    return -tf.reduce_sum(tf.math.xlogy(shares, shares), 1) / tf.math.log(tf.constant(2, picture.dtype))


def worst_first_mean(quality: tf.Tensor) -> tf.Tensor:
    """The mean of (N, H, W) values 0..1 weighted by (1 - r)^2, where r is a value's rank from 0, the worst, to 1: (N,)."""
    flat = tf.reshape(quality, (tf.shape(quality)[0], -1))
    steps = tf.clip_by_value(tf.cast(tf.floor(flat * (RANK_STEPS - 1) + 0.5), tf.int32), 0, RANK_STEPS - 1)  # NaN too
    shares = _histogram(steps, RANK_STEPS, flat.dtype) / tf.cast(tf.shape(flat)[1], flat.dtype)
    ranks = tf.cumsum(shares, 1) - shares / 2  # values of one step share the middle of their ranks
    # One flat table: a gather with batch_dims takes twice as long.
    rows = RANK_STEPS * tf.range(tf.shape(flat)[0])[:, None]
    weights = tf.gather(tf.reshape(tf.square(1 - ranks), (-1,)), rows + steps)
    return tf.reduce_sum(weights * flat, 1) / tf.reduce_sum(weights, 1)


def _histogram(levels: tf.Tensor, count: int, dtype: tf.DType) -> tf.Tensor:
    """How often each of 0..count - 1 occurs in the rows of (N, K) integers: (N, count)."""
    # tf.math.bincount looks for the greatest level first, which costs a pass and XLA cannot do.
    return tf.raw_ops.DenseBincount(input=levels, size=count, weights=tf.constant([], dtype))


@measure("add_gsim", low=0, high=1, higher_is_better=True, smallest_side=12, is_symmetric=False, checked=CHECKED)
def score(pair: Pair) -> tf.Tensor:
    """(N,) scores."""
    reference, distorted = pair.both(edge_scales)
    quality = tf.add_n(
        [
            tf.math.log(worst_first_mean(similarity(one, other, EDGE_CONSTANT)))
            for one, other in zip(reference, distorted, strict=True)
        ]
    )
    activity, other_activity = (tf.reduce_mean(edges[0], (1, 2)) for edges in (reference, distorted))
    adjuster = similarity(activity, other_activity, FREQUENCY_CONSTANT)
    entropy, other_entropy = pair.both(grey_entropy)
    multiplier = (BITS + entropy) / (BITS + other_entropy)
    return tf.exp(multiplier * (quality / SCALES + tf.math.log(adjuster)))


def add_gsim(reference: Any, distorted: Any) -> tf.Tensor:
    """Gradient similarity pooled by the analysis of distortion distribution, after K. Gu, S. Wang, G. Zhai, W. Lin,
    X. Yang, W. Zhang (IEEE Trans. Broadcasting 62(2), 2016).

    Not verified against the authors' code, which is not at hand: scores are not those of published tables. Certain (the
    paper's abstract and keywords): a map of local distortion is pooled with regard to the position of the distortion, its
    intensity, changes of frequencies and changes of the histogram; the means are multiple scales, ranking-based weighting,
    an adjuster induced by the variation of frequencies, and an entropy gain multiplier. Inferred: that they serve the four
    in this order; and, from other code of the first author, the map, (2ab + 170) / (a^2 + b^2 + 170) of Scharr magnitudes
    (zeros outside) of the rounded grey picture brought near 256 pixels by the mirrored box mean.

    Ours, in the order of the four: three scales, each half the one before, by their geometric mean; weights (1 - r)^2 for
    a place of rank r from 0, the worst, to 1 (ranks from a histogram of 1024 steps); the likeness (2ab + 1) / (a^2 + b^2 + 1) of
    the mean gradients at the first scale as a factor; and the power (8 + H) / (8 + H') of the whole, H and H' being the
    entropies in bits of the grey histograms of reference and distorted picture, so that a gain of entropy raises the
    score and identical pictures stay the best. The number of scales and the weights were chosen among a few readings by the
    rank correlation with KADID-10k's mean scores per distortion and level, so a result on KADID-10k is not an independent one.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.

    Returns:
        (N,) or a scalar: 0..1, 1 for identical pictures; higher is better. Not symmetric. Colours count by their grey alone.
        Differentiable, ranks and histograms taken as constant.

    Raises:
        InvalidInput: shapes that do not fit, a side below 12.
    """
    return evaluate("add_gsim", reference, distorted)
