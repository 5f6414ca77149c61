"""Standardisation of feature vectors, fitted outside of the model."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

CLIP = 3.0  # standard deviations; what lies further out of the training pictures counts as that


@keras.saving.register_keras_serializable(package="tfiqa")
class ClippedStandardization(keras.layers.Layer):
    """Feature vectors (N, D) to ``clip((x - m) / s, -3, 3)``, float32 whatever the precision policy.

    The means m and the deviations s (D,) are weights that gradients do not train: they are found elsewhere and set. Fresh ones
    are 0 and 1.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, input_shape: Any) -> None:
        """Makes the weights."""
        features = int(input_shape[-1])
        self.mean = self.add_weight(name="mean", shape=(features,), initializer="zeros", trainable=False)
        self.deviation = self.add_weight(name="deviation", shape=(features,), initializer="ones", trainable=False)

    def call(self, inputs: Any) -> Any:
        """The standardised vectors."""
        return ops.clip((ops.cast(inputs, "float32") - self.mean) / self.deviation, -CLIP, CLIP)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input."""
        return input_shape
