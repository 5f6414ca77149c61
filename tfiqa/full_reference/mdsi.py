"""MDSI: how unevenly a distortion changes edges and colours, pooled by the mean absolute deviation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import Picture, mix, reduced
from tfiqa.full_reference.pooling import real_power
from tfiqa.images.filters import PREWITT, gradient_magnitude, magnitude

# Luminance and the two opponent colours H and M of the Gaussian colour model.
COLOURS = ((0.2989, 0.5870, 0.1140), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))
EDGES, FUSED_EDGES, CHROMA = 140, 55, 550  # the authors' constants C1, C2, C3
EDGE_SHARE, CHROMA_SHARE = 0.6, 0.4  # of the sum
EDGE_POWER, CHROMA_POWER = 0.2, 0.1  # in the product
ROOT = 0.25  # of the similarity before pooling, and of the deviation after it


@measure("mdsi", low=0, high=None, higher_is_better=False, smallest_side=3, is_symmetric=False)
def score(pair: Pair, combination: str = "sum") -> tf.Tensor:
    """(N,) scores; the options are those of `mdsi`."""
    if combination not in COMBINATIONS:
        raise InvalidInput(f"combination must be {' or '.join(COMBINATIONS)}. Received: {combination!r}")
    real, imaginary = COMBINATIONS[combination](_edge_loss(pair), _chroma_loss(pair))
    deviation = magnitude(_centred(real), _centred(imaginary))
    return real_power(tf.reduce_mean(deviation, (1, 2)), ROOT)


def mdsi(reference: Any, distorted: Any, *, combination: str = "sum") -> tf.Tensor:
    """Mean deviation similarity index (H. Nafchi, A. Shahkolaei, R. Hedjam, M. Cheriet, IEEE Access 4, 2016).

    The similarity can be negative; its fourth root is then complex, as in the published code. The score is a fourth root
    too, which would turn rounding of 1e-7 into 0.02; hence the distance of each similarity from 1 is what is computed,
    and identical pictures give exactly 0.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.
        combination: "sum", 0.6 edges + 0.4 colours, the published default; or "mult", edges^0.2 colours^0.1.

    Returns:
        (N,) or a scalar: 0 for identical pictures, below about 0.7; lower is better. Not symmetric. Differentiable; the
        gradient is 0 where the pictures are identical (the root's own is infinite).

    Raises:
        InvalidInput: shapes that do not fit, a side below 3, or another combination.
    """
    return evaluate("mdsi", reference, distorted, combination=combination)


def _colours(picture: Picture) -> list[tf.Tensor]:
    """`COLOURS` of the reduced picture, each (N, h, w)."""
    return tf.unstack(mix(picture.get(reduced), COLOURS), axis=1)


def _edges(picture: Picture) -> tf.Tensor:
    return gradient_magnitude(picture.get(_colours)[0], PREWITT)


def _edge_loss(pair: Pair) -> tf.Tensor:
    """1 - GS, where GS = S(g1, g2) + S(g2, gf) - S(g1, gf) and gf are the edges of the mean of both pictures."""
    reference, distorted = pair.both(_edges)
    luminance, other = (colours[0] for colours in pair.both(_colours))
    fused = gradient_magnitude((luminance + other) / 2, PREWITT)
    return (
        _dissimilarity(reference, distorted, EDGES)
        + _dissimilarity(distorted, fused, FUSED_EDGES)
        - _dissimilarity(reference, fused, FUSED_EDGES)
    )


def _dissimilarity(a: tf.Tensor, b: tf.Tensor, constant: float) -> tf.Tensor:
    """1 - (2ab + c) / (a^2 + b^2 + c) without the rounding of the difference: exactly 0 where a = b."""
    difference = a - b
    return difference * difference / (a * a + b * b + constant)


def _chroma_loss(pair: Pair) -> tf.Tensor:
    """1 - CS, the dissimilarity of both opponent colours together."""
    (_, h1, m1), (_, h2, m2) = pair.both(_colours)
    h, m = h1 - h2, m1 - m2
    return (h * h + m * m) / (h1 * h1 + h2 * h2 + m1 * m1 + m2 * m2 + CHROMA)


def _root_of_sum(edge_loss: tf.Tensor, chroma_loss: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return _lost((EDGE_SHARE * edge_loss + CHROMA_SHARE * chroma_loss, ROOT))


def _root_of_product(edge_loss: tf.Tensor, chroma_loss: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return _lost((edge_loss, EDGE_POWER * ROOT), (chroma_loss, CHROMA_POWER * ROOT))


COMBINATIONS = {"sum": _root_of_sum, "mult": _root_of_product}


def _lost(*factors: tuple[tf.Tensor, float]) -> tuple[tf.Tensor, tf.Tensor]:
    """Real and imaginary part of 1 - prod (1 - loss)^power, principal powers: 0 where nothing is lost."""
    log_size = tf.add_n([power * _log_distance(loss) for loss, power in factors])
    turn = tf.add_n([tf.where(loss > 1, tf.constant(math.pi * power, loss.dtype), 0) for loss, power in factors])
    shortened = -tf.math.expm1(log_size)  # 1 - |product|
    return shortened + (1 - shortened) * (1 - tf.cos(turn)), (shortened - 1) * tf.sin(turn)


def _centred(planes: tf.Tensor) -> tf.Tensor:
    """Less the mean, twice: the mean of what the first leaves is the rounding of the mean."""
    for _ in range(2):
        planes -= tf.reduce_mean(planes, (1, 2), keepdims=True)
    return planes


def _log_distance(loss: tf.Tensor) -> tf.Tensor:
    """log |1 - loss|, without rounding near 0; where loss is 1, the logarithm of the least number below, not of 0."""
    least = np.finfo(loss.dtype.as_numpy_dtype).epsneg
    return tf.math.log1p(tf.maximum(tf.where(loss < 1, -loss, loss - 2), least - 1))
