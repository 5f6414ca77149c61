"""The loss between distributions of votes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

LEAST_MEAN = 1e-12  # under a root, which has no usable slope at 0


@keras.saving.register_keras_serializable(package="tfiqa")
class EMD(keras.losses.Loss):
    """The earth mover's distance between distributions over ordered bins.

    Formula: ``(1/C sum_k |P_k - Q_k|^r)^(1/r)`` per picture, P and Q the cumulative sums over the C bins: equation 1 of H.
    Talebi, P. Milanfar, "NIMA: Neural Image Assessment", IEEE TIP 2018, which trains with r = 2 and reports r = 1.
    Shapes: y_true, y_pred (N, C), each row summing to 1; per-picture values ``(N,)``, 0 is best, below 1.

    Args:
        r: the exponent, 1 or more.
    """

    def __init__(self, r: float = 2.0, reduction: str = "sum_over_batch_size", name: str = "emd") -> None:
        super().__init__(name=name, reduction=reduction)
        self.r = r

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per-picture values (N,)."""
        distance = ops.abs(ops.cumsum(ops.cast(y_true, y_pred.dtype) - y_pred, axis=-1))
        if self.r == 1:
            return ops.mean(distance, axis=-1)
        return ops.power(ops.maximum(ops.mean(ops.power(distance, self.r), axis=-1), LEAST_MEAN), 1 / self.r)

    def get_config(self) -> dict[str, Any]:
        """The exponent."""
        return {**super().get_config(), "r": self.r}
