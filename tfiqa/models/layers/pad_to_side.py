"""Room for networks that leave nothing of a small picture."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfiqa")
class PadToSide(keras.layers.Layer):
    """Maps (N, H, W, C) with rows of zeros below and columns of zeros on the right where a side is shorter than `side`.

    Args:
        side: pixels that H and W have at least afterwards.
        **settings: of any Keras layer.
    """

    def __init__(self, side: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.side = side

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer."""
        return {**super().get_config(), "side": self.side}

    def call(self, inputs: Any) -> Any:
        """The padded maps; larger ones as they are."""
        _, height, width, _ = ops.shape(inputs)
        return ops.pad(inputs, [[0, 0], [0, self._missing(height)], [0, self._missing(width)], [0, 0]])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(N, H, W, C)."""
        count, height, width, channels = input_shape
        return (count, *(length and max(length, self.side) for length in (height, width)), channels)

    def _missing(self, length: Any) -> Any:
        """Of a tensor for sizes that only TensorFlow leaves unknown; elsewhere a padding is a plain number."""
        return max(self.side - length, 0) if isinstance(length, int) else ops.maximum(self.side - length, 0)
