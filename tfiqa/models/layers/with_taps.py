"""Keeping features that no output needs reachable in a functional graph."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tfiqa")
class WithTaps(keras.layers.Layer):
    """Passes the first of its inputs through, unchanged. The others are taps: layers of the model that no output depends on.

    A compiled graph drops what computes them, in training and in serving; `keras.Model(model.inputs,
    model.get_layer(name).output)` computes them alone.
    """

    def call(self, inputs: list[Any]) -> Any:
        """The first input."""
        return inputs[0]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The shape of the first input."""
        return input_shape[0]
