"""Grey."""

from __future__ import annotations

from typing import Any

import keras

WEIGHTS = (0.299, 0.587, 0.114)  # of R, G and B: ITU-R BT.601


@keras.saving.register_keras_serializable(package="tfiqa")
class Grey(keras.layers.Layer):
    """RGB (N, H, W, 3) to grey (N, H, W, 1) on the same scale, 0.299 R + 0.587 G + 0.114 B, not rounded."""

    def call(self, inputs: Any) -> Any:
        """The grey levels."""
        red, green, blue = (inputs[..., place : place + 1] for place in range(3))
        # A matrix product may round (TensorFloat-32 on a GPU), and a sum over an axis of three is slow.
        return WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(N, H, W, 1)."""
        return (*input_shape[:-1], 1)
