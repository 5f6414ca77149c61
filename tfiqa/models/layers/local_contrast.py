"""Local contrast normalisation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

LEAST_VARIANCE = 1e-12  # below it a root has no usable slope; the deviation is then 1e-6 beside the constant 1


@keras.saving.register_keras_serializable(package="tfiqa")
class LocalContrast(keras.layers.Layer):
    """Grey pictures (N, H, W, 1) with the local mean taken out and divided by the local deviation.

    Formula: ``(x - m) / (s + 1)`` with m the mean over a window around each pixel and ``s = sqrt(E[x^2] - m^2)``. Borders are
    mirrored with the edge repeated. The 1 is on the scale of x: for 0..255 it only keeps flat areas quiet, for 0..1 it outweighs
    most deviations, so that little more than the mean goes.

    L. Kang, P. Ye, Y. Li, D. Doermann, "Convolutional Neural Networks for No-Reference Image Quality Assessment", CVPR 2014,
    equation 1.

    Args:
        window: pixels of the window along each side, odd; the pictures' sides are at least half of it.
        **settings: of any Keras layer.
    """

    def __init__(self, window: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.window = window

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer."""
        return {**super().get_config(), "window": self.window}

    def call(self, inputs: Any) -> Any:
        """The normalised pictures."""
        around = self.window // 2
        mirrored = ops.pad(inputs, [[0, 0], [around, around], [around, around], [0, 0]], mode="symmetric")
        mean = ops.average_pool(mirrored, self.window, strides=1)
        variance = ops.average_pool(ops.square(mirrored), self.window, strides=1) - ops.square(mean)
        return (inputs - mean) / (ops.sqrt(ops.maximum(variance, LEAST_VARIANCE)) + 1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """As the input."""
        return tuple(input_shape)
