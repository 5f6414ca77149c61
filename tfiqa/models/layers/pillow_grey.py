"""Grey as Pillow computes it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

WEIGHTS = (19595, 38470, 7471)  # Pillow's mode "L": 0.299, 0.587 and 0.114 of 65536, rounded to whole numbers
ONE = 65536


@keras.saving.register_keras_serializable(package="tfiqa")
class PillowGrey(keras.layers.Layer):
    """RGB 0..255 (N, H, W, 3) to whole grey levels 0..255 (N, H, W, 1), those of Pillow's `convert("L")` for whole R, G and B.

    Formula: ``floor((19595 R + 38470 G + 7471 B + 32768) / 65536)``; float32 holds every sum exactly. Gradients pass as if
    nothing were rounded.
    """

    def call(self, inputs: Any) -> Any:
        """The grey levels."""
        weights = ops.array([weight / ONE for weight in WEIGHTS], dtype=inputs.dtype)
        grey = ops.sum(inputs * weights, axis=-1, keepdims=True)  # a GPU's matrix product may round (TensorFloat-32)
        return grey + ops.stop_gradient(ops.floor(grey + 0.5) - grey)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(N, H, W, 1)."""
        return (*input_shape[:-1], 1)
