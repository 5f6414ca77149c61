"""GMSD: how unevenly a distortion changes the edges of a picture."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import grey_of
from tfiqa.full_reference.pooling import root
from tfiqa.images.filters import PREWITT, gradient_magnitude, reduce_zero_padded, similarity

CONSTANT = 170  # the authors', for gradients of 0..255 under Prewitt / 3


@measure("gmsd", low=0, high=None, higher_is_better=False, smallest_side=3)
def score(pair: Pair, grey: str = "gray_u8") -> tf.Tensor:
    """(N,) scores; the options are those of `gmsd`."""
    reference, distorted = (
        gradient_magnitude(reduce_zero_padded(plane, 2), PREWITT) for plane in pair.both(grey_of(grey))
    )
    quality = similarity(reference, distorted, CONSTANT)
    count = tf.cast(tf.size(quality[0]), quality.dtype)
    deviation = quality - tf.reduce_mean(quality, (1, 2), keepdims=True)
    return root(tf.reduce_sum(deviation * deviation, (1, 2)) / (count - 1))


def gmsd(reference: Any, distorted: Any, *, grey: str = "gray_u8") -> tf.Tensor:
    """Gradient magnitude similarity deviation (W. Xue, L. Zhang, X. Mou, A. Bovik, IEEE TIP 23(2), 2014).

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.
        grey: "gray_u8", MATLAB's rounded rgb2gray as the published values use, or "y_float".

    Returns:
        (N,) or a scalar: 0 for identical pictures, below about 0.5; lower is better. Symmetric. Differentiable; the
        gradient is 0 where the pictures are identical (the root's own is infinite).

    Raises:
        InvalidInput: shapes that do not fit, a side below 3.
    """
    return evaluate("gmsd", reference, distorted, grey=grey)
