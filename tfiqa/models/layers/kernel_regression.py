"""Kernel regression as a layer, fitted outside of it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfiqa.models.layers.clipped_standardization import CLIP


@keras.saving.register_keras_serializable(package="tfiqa")
class KernelRegression(keras.layers.Layer):
    """Feature vectors (N, D) to `outputs` numbers (N, outputs), by Gaussian kernels around `centres` training vectors.

    Formula: ``z = w clip((x - m) / s, -3, 3)``, ``c = (z - z0) P``, ``y = b + sum_i a_i exp(-gamma |c - c_i|^2)``.
    m, s, w, z0 (D,), the projection P (D, components), the centres c_i, their squared lengths (kept, being slower to compute than
    to read), the coefficients a_i and the offsets b are weights that gradients do not train: they are fitted elsewhere
    (`tools/tfiqa_small_kernels.py`) and set. Numbers are float32 whatever the precision policy.

    Args:
        outputs: numbers a picture.
        components: length of the projected vectors.
        centres: training vectors that are kept.
        gamma: of the kernel.
        **settings: of any Keras layer.
    """

    def __init__(self, outputs: int, components: int, centres: int, gamma: float, **settings: Any) -> None:
        super().__init__(**{**settings, "dtype": "float32"})
        self.outputs, self.components, self.centres, self.gamma = outputs, components, centres, gamma

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer."""
        own = {
            "outputs": self.outputs,
            "components": self.components,
            "centres": self.centres,
            "gamma": self.gamma,
        }
        return {**super().get_config(), **own}

    def build(self, input_shape: Any) -> None:
        """Makes the weights, such that fresh ones give numbers near 0.5 that depend on the features."""
        features = int(input_shape[-1])

        def weight(name: str, shape: tuple[int, ...], initial: Any = "zeros") -> Any:
            return self.add_weight(name=name, shape=shape, initializer=initial, trainable=False)

        self.mean = weight("mean", (features,))
        self.deviation = weight("deviation", (features,), "ones")
        self.weight = weight("weight", (features,), keras.initializers.Constant(features**-0.5))
        self.origin = weight("origin", (features,))
        self.projection = weight("projection", (features, self.components), "glorot_normal")
        self.centre = weight("centre", (self.centres, self.components))
        self.square = weight("square", (self.centres,))
        self.coefficient = weight(
            "coefficient", (self.centres, self.outputs), keras.initializers.RandomNormal(0, 0.001)
        )
        self.offset = weight("offset", (self.outputs,), keras.initializers.Constant(0.5))

    def call(self, inputs: Any) -> Any:
        """The numbers."""
        clipped = ops.clip((ops.cast(inputs, "float32") - self.mean) / self.deviation, -CLIP, CLIP)
        places = ops.matmul(self.weight * clipped - self.origin, self.projection)
        apart = ops.sum(ops.square(places), axis=1, keepdims=True) + self.square
        apart = ops.maximum(apart - 2 * ops.matmul(places, ops.transpose(self.centre)), 0.0)
        return self.offset + ops.matmul(ops.exp(-self.gamma * apart), self.coefficient)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(N, outputs)."""
        return input_shape[0], self.outputs
