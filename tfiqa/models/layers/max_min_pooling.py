"""The extremes of feature maps."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfiqa")
class MaxMinPooling(keras.layers.Layer):
    """Maps (N, H, W, C) of any size to (N, 2 * C): each map's highest value, and after all of these each map's lowest.

    L. Kang, P. Ye, Y. Li, D. Doermann, "Convolutional Neural Networks for No-Reference Image Quality Assessment", CVPR 2014,
    section 3.3.
    """

    def call(self, inputs: Any) -> Any:
        """The pooled maps."""
        return ops.concatenate([ops.max(inputs, axis=(1, 2)), ops.min(inputs, axis=(1, 2))], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(N, 2 * C)."""
        return input_shape[0], 2 * input_shape[-1]
