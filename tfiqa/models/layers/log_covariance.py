"""Second-order pooling on the manifold of covariance matrices."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from tfiqa.models.layers.bilinear_pooling import positions

RIDGE = 1e-3  # added to each variance: maps that do not vary, or vary alike, would have no logarithm
SMALLEST = 1e-7  # the least eigenvalue, against rounding


@keras.saving.register_keras_serializable(package="tfiqa")
class LogCovariance(keras.layers.Layer):
    """Maps (N, H, W, C) to their means and the logarithm of their covariance matrix: (N, C + C (C + 1) / 2).

    Formula: ``S = Z^T Z / (H W) + 0.001 I`` with Z the maps without their means over the picture, one row a position; its matrix
    logarithm ``V log(w) V^T`` of ``S = V w V^T``; the upper triangle with the diagonal, row by row, after the C means. In this
    form (log-Euclidean) covariance matrices can be compared by differences of their entries.

    V. Arsigny, P. Fillard, X. Pennec, N. Ayache, "Log-Euclidean Metrics for Fast and Simple Calculus on Diffusion Tensors",
    Magnetic Resonance in Medicine 56, 2006. Numbers are float32 whatever the precision policy.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, inputs: Any) -> Any:
        """The vectors."""
        channels = inputs.shape[-1]
        maps = positions(ops.cast(inputs, "float32"))
        means = ops.mean(maps, axis=1, keepdims=True)
        rest = maps - means
        count = ops.cast(ops.shape(maps)[1], "float32")
        covariance = ops.matmul(ops.transpose(rest, (0, 2, 1)), rest) / count
        values, vectors = ops.eigh(covariance + RIDGE * np.eye(channels, dtype=np.float32))
        logarithms = ops.log(ops.maximum(values, SMALLEST))
        logarithm = ops.matmul(vectors * logarithms[:, None, :], ops.transpose(vectors, (0, 2, 1)))
        rows, columns = np.triu_indices(channels)
        triangle = ops.take(ops.reshape(logarithm, (-1, channels * channels)), rows * channels + columns, axis=1)
        return ops.concatenate([means[:, 0], triangle], axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(N, C + C (C + 1) / 2)."""
        channels = input_shape[-1]
        return input_shape[0], channels + channels * (channels + 1) // 2
