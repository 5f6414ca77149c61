"""What a distribution of votes says of quality."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

LEAST_VARIANCE = 1e-12  # a root has no usable slope at 0


@keras.saving.register_keras_serializable(package="tfiqa")
class DistributionMoments(keras.layers.Layer):
    """Probabilities (N, C) of equally spaced scores to their mean (N, 1) and standard deviation (N, 1).

    Formula: ``m = sum_i s_i p_i``, ``sqrt(sum_i (s_i - m)^2 p_i)``: H. Talebi, P. Milanfar, "NIMA: Neural Image Assessment",
    IEEE TIP 2018, section III.

    Args:
        low, high: the first and the last score.
        **settings: of any Keras layer.
    """

    def __init__(self, low: float, high: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.low, self.high = low, high

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer."""
        return {**super().get_config(), "low": self.low, "high": self.high}

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Mean and deviation."""
        scores = ops.linspace(self.low, self.high, inputs.shape[-1], dtype=inputs.dtype)
        mean = ops.sum(inputs * scores, axis=-1, keepdims=True)
        variance = ops.sum(inputs * ops.square(scores - mean), axis=-1, keepdims=True)
        return mean, ops.sqrt(ops.maximum(variance, LEAST_VARIANCE))

    def compute_output_shape(self, input_shape: Any) -> tuple[tuple[int | None, int], tuple[int | None, int]]:
        """(N, 1) and (N, 1)."""
        return (input_shape[0], 1), (input_shape[0], 1)
