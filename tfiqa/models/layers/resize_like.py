"""Bringing feature maps to the size of others."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfiqa")
class ResizeLike(keras.layers.Layer):
    """Maps (N, h, w, C) at the height and width of others (N, H, W, D): bilinear interpolation with the corners aligned.

    Row i of H lies at i (h - 1) / (H - 1) of h, so that the first and last rows stay where they are (`align_corners=True` in
    PyTorch); a single row is the first one. Columns alike. Maps that have the size already are unchanged.
    """

    def call(self, inputs: Any) -> Any:
        """The resized maps; `inputs` are the maps and the others."""
        maps, others = inputs
        old, new = ops.shape(maps), ops.shape(others)
        rows = _interpolation(old[1], new[1], maps.dtype)
        columns = _interpolation(old[2], new[2], maps.dtype)
        return ops.einsum("xw,nywc->nyxc", columns, ops.einsum("yh,nhwc->nywc", rows, maps))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(N, H, W, C)."""
        maps, others = input_shape
        return maps[0], others[1], others[2], maps[3]


def _interpolation(old: Any, new: Any, dtype: Any) -> Any:
    """(new, old): the share of each old row in each new one.

    Positions are counted in steps of 1 / (new - 1), whole numbers, so that only the division rounds.
    """
    span = ops.maximum(new - 1, 1)
    distance = ops.abs(ops.arange(new)[:, None] * (old - 1) - ops.arange(old)[None] * span)
    return ops.cast(ops.maximum(span - distance, 0), dtype) / ops.cast(span, dtype)
