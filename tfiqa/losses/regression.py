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


@keras.saving.register_keras_serializable(package="tfiqa")
class KnownMean(keras.losses.Loss):
    """Error averaged over every known value of a batch, whose rows have different numbers of them.

    Formula: ``sum_ij k_ij d(y_true_ij, y_pred_ij) / sum_ij k_ij``, k 0 where y_true is NaN and 1 elsewhere. So PaQ-2-PiQ's loss
    (Ying et al., CVPR 2020, section 4.1 and the authors' code) counts a picture and each of its patches alike.
    Shapes: y_true, y_pred ``(N, C)`` on one score scale; values ``(N,)``, whose mean is the formula's; 0 is best, and of a
    batch in which nothing is known.

    Args:
        error: d, "mse" for squares or "l1" for absolute differences.
    """

    def __init__(self, error: str = "mse", reduction: str = "sum_over_batch_size", name: str = "known_mean") -> None:
        super().__init__(name=name, reduction=reduction)
        self.error = error

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per-row values (N,)."""
        y_true = ops.cast(y_true, y_pred.dtype)
        known = ops.logical_not(ops.isnan(y_true))
        difference = ops.where(known, y_pred - ops.where(known, y_true, 0), 0)
        values = {"mse": ops.square, "l1": ops.abs}[self.error](difference)
        of_rows = ops.sum(ops.cast(known, y_pred.dtype), axis=-1)
        return ops.sum(values, axis=-1) / ops.maximum(ops.mean(of_rows), keras.config.epsilon())

    def get_config(self) -> dict[str, Any]:
        """What makes an equal loss."""
        return {**super().get_config(), "error": self.error}
