"""Second-order pooling of feature maps."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

ROOT_EPSILON = 1e-8  # under the root, and the least norm: both of the authors' code (UNIQUE, DB-CNN in PyTorch)
LEAST_NORM = 1e-12


@keras.saving.register_keras_serializable(package="tfiqa")
class BilinearPooling(keras.layers.Layer):
    """Maps (N, H, W, C) of any size, or a pair of them of one size with C and D channels, to a vector (N, C * D) of length 1.

    Formula: ``B = X^T Y / (H W)`` over the positions (Y = X for a single map), each entry b to ``sign(b) sqrt(|b| + 1e-8)``,
    which leaves 0 alone, or with `signed` false to ``sqrt(|b| + 1e-8)``; flattened with the channel of X outermost, divided
    by its Euclidean norm.

    T.-Y. Lin, A. RoyChowdhury, S. Maji, "Bilinear CNN Models for Fine-grained Visual Recognition", ICCV 2015. Equation 6 of
    UNIQUE (Zhang et al., TIP 2021) shows the product alone; division, root and norm are of the authors' code. One matrix
    product a picture: nothing of the size H x W x C x D is ever made.

    Args:
        signed: true as in UNIQUE, false as in DB-CNN, whose maps are nowhere negative.
        **settings: of any Keras layer.
    """

    def __init__(self, signed: bool = True, **settings: Any) -> None:
        super().__init__(**settings)
        self.signed = signed

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer."""
        return {**super().get_config(), "signed": self.signed}

    def call(self, inputs: Any) -> Any:
        """The vectors."""
        first, second = inputs if isinstance(inputs, (list, tuple)) else (inputs, inputs)
        first, second = positions(first), positions(second)
        count = ops.cast(ops.shape(first)[1], first.dtype)
        product = ops.matmul(ops.transpose(first, (0, 2, 1)), second) / count
        root = ops.sqrt(ops.abs(product) + ROOT_EPSILON)
        if self.signed:
            root = ops.sign(product) * root
        flat = ops.reshape(root, (-1, first.shape[-1] * second.shape[-1]))
        norm = ops.sqrt(ops.sum(ops.square(flat), axis=-1, keepdims=True))
        return flat / ops.maximum(norm, LEAST_NORM)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(N, C * D)."""
        pair = isinstance(input_shape, list) or isinstance(input_shape[0], tuple)
        first, second = input_shape if pair else (input_shape, input_shape)
        return first[0], first[-1] * second[-1]


def positions(maps: Any) -> Any:
    """(N, H, W, C) as (N, H * W, C)."""
    shape = ops.shape(maps)
    return ops.reshape(maps, (shape[0], shape[1] * shape[2], maps.shape[-1]))
