"""Losses weighed by learned uncertainty: SPAQ's equation 8 (Fang et al., CVPR 2020)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfiqa.losses.regression import L1


class SoftCrossEntropy(keras.losses.Loss):
    """Cross-entropy of logits with a distribution over the classes (SPAQ's equation 5), averaged over the batch.

    Shapes: y_true (N, C), each row summing to 1 (1/k for each of k labels); y_pred (N, C) logits; per-picture values
    ``(N,)``, 0 is best.
    """

    def __init__(self, reduction: str = "sum_over_batch_size", name: str = "soft_cross_entropy") -> None:
        super().__init__(name=name, reduction=reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per-picture values (N,)."""
        return ops.categorical_crossentropy(ops.cast(y_true, y_pred.dtype), y_pred, from_logits=True)


class UncertainTask(keras.losses.Loss):
    """A task's loss over its learned sigma, plus the term that keeps sigma from growing.

    Formula: ``loss_i / sigma + penalty log sigma`` per picture i. Summed over a batch of m and over the two tasks with
    penalties 1 and 1/2 it is equation 8, ``l1 / sigma_1 + l4 / sigma_2 + m log sigma_1 + m/2 log sigma_2``.

    Args:
        loss: per-picture loss of the task.
        uncertainty: the model's `TaskUncertainty` layer.
        task: the task's place in that layer.
        penalty: 1 for a Laplace likelihood (L1), 1/2 for a softmax one (cross-entropy).
    """

    def __init__(self, loss: keras.losses.Loss, uncertainty: Any, task: int, penalty: float, name: str) -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.loss, self.uncertainty, self.task, self.penalty = loss, uncertainty, task, penalty

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per-picture values (N,)."""
        log_sigma = self.uncertainty.log_sigma[self.task]
        return self.loss.call(y_true, y_pred) * ops.exp(-log_sigma) + self.penalty * log_sigma


def uncertainty_losses(model: keras.Model) -> dict[str, keras.losses.Loss]:
    """Equation 8 for a model with the outputs quality and scene_logits and a layer `task_uncertainty` over the two."""
    layer = model.get_layer("task_uncertainty")
    return {
        "quality": UncertainTask(L1(), layer, 0, 1.0, "quality"),
        "scene_logits": UncertainTask(SoftCrossEntropy(), layer, 1, 0.5, "scene_logits"),
    }
