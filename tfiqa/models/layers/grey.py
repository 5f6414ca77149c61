"""Grey."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

WEIGHTS = (0.299, 0.587, 0.114)  # of R, G and B: ITU-R BT.601


@keras.saving.register_keras_serializable(package="tfiqa")
class Grey(keras.layers.Layer):
    """RGB (N, H, W, 3) to grey (N, H, W, 1) on the same scale, 0.299 R + 0.587 G + 0.114 B, not rounded."""

    def call(self, inputs: Any) -> Any:
        """The grey levels."""
        weights = ops.array(WEIGHTS, dtype=inputs.dtype)
        return ops.sum(inputs * weights, axis=-1, keepdims=True)  # a GPU's matrix product may round (TensorFloat-32)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(N, H, W, 1)."""
        return (*input_shape[:-1], 1)
