"""FSIM and FSIMc: phase congruency, edges and (FSIMc) colours, weighted by phase congruency."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.phase_congruency import PHASE_TABLES, phase_congruency
from tfiqa.full_reference.picture import Picture, luma_edges, mix, reduced
from tfiqa.full_reference.pooling import real_power, weighted_mean
from tfiqa.images.filters import similarity

# The authors' constants, for 0..255.
PHASE_CONSTANT, EDGE_CONSTANT, CHROMA_CONSTANT = 0.85, 160, 200
CHROMA_EXPONENT = 0.03
CHROMA = ((0.596, -0.274, -0.322), (0.211, -0.523, 0.312))  # I and Q of NTSC's YIQ


@measure("fsim", low=0, high=1, higher_is_better=True, smallest_side=2, tables=PHASE_TABLES)
def score_fsim(pair: Pair) -> tf.Tensor:
    """(N,) scores."""
    return weighted_mean(*pair.get(_structure_and_weights))


@measure("fsimc", low=0, high=1, higher_is_better=True, smallest_side=2, tables=PHASE_TABLES)
def score_fsimc(pair: Pair) -> tf.Tensor:
    """(N,) scores."""
    structure, weights = pair.get(_structure_and_weights)
    chroma = similarity(*pair.both(_chroma), CHROMA_CONSTANT)
    return weighted_mean(structure * real_power(chroma[:, 0] * chroma[:, 1], CHROMA_EXPONENT), weights)


def _structure_and_weights(pair: Pair) -> tuple[tf.Tensor, tf.Tensor]:
    phases = pair.both(phase_congruency)
    edges = pair.both(luma_edges)
    return similarity(*phases, PHASE_CONSTANT) * similarity(*edges, EDGE_CONSTANT), tf.maximum(*phases)


def _chroma(picture: Picture) -> tf.Tensor:
    """`CHROMA` of `reduced`: (N, 2, h, w)."""
    return mix(picture.get(reduced), CHROMA)


def fsim(reference: Any, distorted: Any) -> tf.Tensor:
    """Feature similarity index of the luma (L. Zhang, L. Zhang, X. Mou, D. Zhang, IEEE TIP 20(8), 2011).

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.

    Returns:
        (N,) or a scalar in [0, 1]; higher is better, 1 for identical pictures. Symmetric. Differentiable. Where phase
        congruency is 0 everywhere (both pictures flat), the authors' code gives no number; here all pixels weigh the
        same.

    Raises:
        InvalidInput: shapes that do not fit, a side below 2.
    """
    return evaluate("fsim", reference, distorted)


def fsimc(reference: Any, distorted: Any) -> tf.Tensor:
    """`fsim` with the colours I and Q compared too: the FSIMc of the same paper.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.

    Returns:
        (N,) or a scalar in [0, 1]; higher is better, 1 for identical pictures. Symmetric. Differentiable, except where
        the product of the colour similarities is 0. Of a negative product the real part of its power counts, as in the
        authors' code. Flat pictures as in `fsim`.

    Raises:
        InvalidInput: shapes that do not fit, a side below 2.
    """
    return evaluate("fsimc", reference, distorted)
