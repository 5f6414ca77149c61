"""Maximum and mean of a map side by side."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfiqa")
class ConcatPooling(keras.layers.Layer):
    """Maps (..., H, W, C) to vectors (..., 2 C): first the maximum of each channel, then its mean.

    It is `AdaptiveConcatPool2d(1)` of fastai, which PaQ-2-PiQ's heads begin with.
    """

    def call(self, inputs: Any) -> Any:
        """The vectors."""
        return ops.concatenate([ops.max(inputs, axis=(-3, -2)), ops.mean(inputs, axis=(-3, -2))], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(..., 2 C)."""
        return *input_shape[:-3], input_shape[-1] and 2 * input_shape[-1]
