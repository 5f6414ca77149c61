"""SFF: how well sparse features, learned from natural pictures, and the local luminance are kept."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import Picture
from tfiqa.full_reference.pooling import root
from tfiqa.images.filters import similarity

BASIS_FILE = Path(__file__).with_name("sff_basis.npy")  # learned by tools/learn_sff_basis.py
PATCH = 8
LENGTH = 3 * PATCH * PATCH
FEATURES = 8
STRENGTH = 0.4  # of the mean: weaker reference patches have no say in the features
FEATURE_CONSTANT, LUMINANCE_CONSTANT = 0.08, 0.001
LUMINANCE_SHARE, FEATURE_SHARE = 0.8, 0.2


@measure("sff", low=-1, high=1, higher_is_better=True, smallest_side=PATCH + 1, is_symmetric=False)
def score(pair: Pair, basis: Sequence[Sequence[float]] | None = None) -> tf.Tensor:
    """(N,) scores; the options are those of `sff`."""
    rows = _default_basis() if basis is None else np.array(basis)
    if rows.shape != (FEATURES, LENGTH):
        raise InvalidInput(f"basis must be ({FEATURES}, {LENGTH}). Received: {rows.shape}")
    reference, distorted = pair.both(_patches)
    quality = LUMINANCE_SHARE * _luminance_quality(reference, distorted)
    quality += FEATURE_SHARE * _feature_quality(reference, distorted, rows)
    return tf.cast(quality, pair.reference.dtype)


def sff(reference: Any, distorted: Any, *, basis: ArrayLike | None = None) -> tf.Tensor:
    """Sparse feature fidelity, version 2.0 (H.-W. Chang, H. Yang, Y. Gan, M.-H. Wang, IEEE TIP 22(10), 2013).

    Which patches count is decided by comparison with medians and a mean, in double precision as in the published code,
    whatever the pictures' type: where a distortion changes all patches alike (a brighter picture), rounding decides, and
    exact arithmetic gives another score (by 0.0015 for one such picture). The published code has no value where no patch
    of the reference is strong enough (a flat picture); there, the features of all patches that changed most count.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.
        basis: (8, 192) filters for 8x8 patches, R, G, B one after the other, each down the columns. By default the one
            that tools/learn_sff_basis.py learned by the published procedure from other photographs; its scores rank 63
            pairs as the authors' basis does with an SRCC of 0.98. The authors' basis gives the published scores.

    Returns:
        (N,) or a scalar: 1 for identical pictures, above -1; higher is better. Not symmetric. Differentiable, with the
        choice of patches held fixed.

    Raises:
        InvalidInput: shapes that do not fit, a side below 9, or another shape of the basis.
    """
    return evaluate("sff", reference, distorted, basis=None if basis is None else np.asarray(basis, np.float64))


@functools.cache
def _default_basis() -> np.ndarray:
    return np.load(BASIS_FILE)


def _patches(picture: Picture) -> tuple[tf.Tensor, tf.Tensor]:
    """Patches less their mean, (N, P, 192), and the means, (N, P), in float64.

    Patches start at multiples of 8 strictly below the side less 8, as published: at 384 the last eight rows are left
    out.
    """
    rows, columns = (picture.height - 1) // PATCH, (picture.width - 1) // PATCH
    inside = picture.planes[..., : rows * PATCH, : columns * PATCH]
    tiles = tf.reshape(inside, (-1, 3, rows, PATCH, columns, PATCH))
    patches = tf.reshape(tf.transpose(tiles, (0, 2, 4, 1, 3, 5)), (-1, rows * columns, LENGTH))
    patches = tf.cast(patches, tf.float64)
    means = _mean(patches)
    return patches - means[..., None], means


def _mean(patches: tf.Tensor) -> tf.Tensor:
    """Over the 192 values, right to the last bit.

    TensorFlow and XLA make a division by a constant a product with its inverse, and the other rounding chooses other
    patches. So the divisor is one that they cannot foresee.
    """
    total = tf.reduce_sum(patches, -1)
    return total / tf.where(tf.math.is_finite(total), tf.constant(LENGTH, total.dtype), 1)


def _at_least_median(values: tf.Tensor) -> tf.Tensor:
    """Which of (N, P) values reach their median, 0 or 1."""
    ordered = tf.sort(tf.stop_gradient(values))
    count = tf.shape(values)[1]
    median = (ordered[:, (count - 1) // 2, None] + ordered[:, count // 2, None]) / 2
    return tf.cast(values >= median, values.dtype)


def _feature_quality(
    reference: tuple[tf.Tensor, tf.Tensor], distorted: tuple[tf.Tensor, tf.Tensor], basis: np.ndarray
) -> tf.Tensor:
    """Similarity of the features over patches that changed most and are strong in the reference."""
    changed = _at_least_median(_mean(tf.abs(reference[0] - distorted[0])))
    filters = basis.reshape(FEATURES, 3, PATCH, PATCH).transpose(1, 3, 2, 0).reshape(LENGTH, FEATURES)  # rows first
    a, b = (tf.matmul(patches, filters) for patches, _ in (reference, distorted))
    strength = tf.reduce_sum(a * a, -1)
    mean_strength = tf.reduce_sum(strength * changed, -1, keepdims=True) / tf.reduce_sum(changed, -1, keepdims=True)
    strong = changed * tf.cast(strength > STRENGTH * mean_strength, changed.dtype)
    weights = tf.where(tf.reduce_any(strong > 0, -1, keepdims=True), strong, changed)
    quality = tf.reduce_mean(similarity(a, b, FEATURE_CONSTANT), -1)
    return tf.reduce_sum(quality * weights, -1) / tf.reduce_sum(weights, -1)


def _luminance_quality(reference: tuple[tf.Tensor, tf.Tensor], distorted: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    """Correlation of the patches' means over the patches whose mean changed most."""
    weights = _at_least_median(tf.abs(reference[1] - distorted[1]))
    count = tf.reduce_sum(weights, -1, keepdims=True)

    def centred(means: tf.Tensor) -> tf.Tensor:
        return weights * (means - tf.reduce_sum(weights * means, -1, keepdims=True) / count)

    x, y = centred(reference[1]), centred(distorted[1])
    energy = tf.reduce_sum(x * x, -1) * tf.reduce_sum(y * y, -1)
    return (tf.reduce_sum(x * y, -1) + LUMINANCE_CONSTANT) / (root(energy) + LUMINANCE_CONSTANT)
