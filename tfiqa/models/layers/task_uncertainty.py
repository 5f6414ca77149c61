"""The learned uncertainties that weigh several tasks against each other."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tfiqa")
class TaskUncertainty(keras.layers.Layer):
    """Passes one tensor a task through unchanged, and holds one trainable scalar sigma > 0 a task for the loss to use
    (`losses.uncertainty`).

    A. Kendall, Y. Gal, R. Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018. As there, the logarithm is what is learned, so that sigma stays positive; it starts at 1.
    """

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Makes the weight `log_sigma` (tasks,)."""
        self.log_sigma = self.add_weight(shape=(len(input_shape),), initializer="zeros", name="log_sigma")

    def call(self, inputs: list[Any]) -> list[Any]:
        """The inputs."""
        return list(inputs)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> list[tuple[int | None, ...]]:
        """The shapes of the inputs."""
        return input_shape
