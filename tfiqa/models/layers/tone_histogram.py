"""How brightness is spread over a picture."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

TONES = 13  # brightnesses from 0 to 255, evenly spaced
DEVIATION = 12.0  # of the Gaussian by which a cell belongs to its neighbouring brightnesses
LEAST = 1e-4  # under the root, so that an empty bin has a slope
SMALLEST = 1e-9


@keras.saving.register_keras_serializable(package="tfiqa")
class ToneHistogram(keras.layers.Layer):
    """Brightness maps (N, H, W) of 0..255 to the square roots (N, 13) of a soft histogram.

    Each position is shared among 13 evenly spaced brightnesses in proportion to ``exp(-(b - c)^2 / (2 * 12^2))``; the mean of
    the shares over the positions, plus 0.0001, under a root, so that the Euclidean distance between two vectors is Hellinger's
    between the histograms. Numbers are float32 whatever the precision policy.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, inputs: Any) -> Any:
        """The vectors."""
        # A row for each tone: long rows take half the time of 13 numbers at each position.
        centres = np.linspace(0, 255, TONES, dtype=np.float32)[:, None]
        distances = (ops.reshape(ops.cast(inputs, "float32"), (ops.shape(inputs)[0], 1, -1)) - centres) / DEVIATION
        closeness = ops.exp(-0.5 * ops.square(distances))
        shares = closeness / (ops.sum(closeness, axis=1, keepdims=True) + SMALLEST)
        return ops.sqrt(ops.mean(shares, axis=2) + LEAST)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(N, 13)."""
        return input_shape[0], TONES
