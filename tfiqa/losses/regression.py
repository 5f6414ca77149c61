"""Losses between predicted and opinion scores."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfiqa")
class L1(keras.losses.Loss):
    """Absolute error, averaged over a row's columns.

    Formula: ``mean_j |y_true_ij - y_pred_ij|`` per picture i.
    Shapes: y_true, y_pred ``(N, C)`` on one score scale; per-picture values ``(N,)``, 0 is best.

    SPAQ's equation 1 (Fang et al., CVPR 2020) sums over the batch; the default reduction here averages, which Adam's
    steps do not notice and which keeps logged losses independent of the batch size. ``reduction="sum"`` gives the sum.
    """

    def __init__(self, reduction: str = "sum_over_batch_size", name: str = "l1") -> None:
        super().__init__(name=name, reduction=reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per-picture values (N,)."""
        y_true = ops.cast(y_true, y_pred.dtype)
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@keras.saving.register_keras_serializable(package="tfiqa")
class MSE(keras.losses.Loss):
    """Squared error, averaged over a row's columns.

    Formula: ``mean_j (y_true_ij - y_pred_ij)^2`` per picture i: equation 2 of DeepFL-IQA (Lin et al., 2020).
    Shapes: y_true, y_pred ``(N, C)`` on one score scale; per-picture values ``(N,)``, 0 is best.
    """

    def __init__(self, reduction: str = "sum_over_batch_size", name: str = "mse") -> None:
        super().__init__(name=name, reduction=reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per-picture values (N,)."""
        y_true = ops.cast(y_true, y_pred.dtype)
        return ops.mean(ops.square(y_true - y_pred), axis=-1)
