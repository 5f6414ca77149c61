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

    The variance is summed up from squared differences, within rows and then between them, and not as the difference of two
    large numbers, which in float32 would be off by .005 for x of 0..255, where flat areas have 0.

    L. Kang, P. Ye, Y. Li, D. Doermann, "Convolutional Neural Networks for No-Reference Image Quality Assessment", CVPR 2014,
    equation 1.

    Args:
        window: pixels of the window along each side, odd; the pictures' sides are at least half of it.
        patch: pictures of ``patch + window - 1`` pixels along both sides are patches with what surrounds them, and come out
            with `patch` pixels, without mirroring; None where there are no such.
        **settings: of any Keras layer.
    """

    def __init__(self, window: int, patch: int | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.window, self.patch = window, patch

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer."""
        return {**super().get_config(), "window": self.window, "patch": self.patch}

    def call(self, inputs: Any) -> Any:
        """The normalised pictures."""
        x = self._with_surroundings(inputs)
        around = self.window // 2
        rows = self._windows(x, axis=2)
        row_mean = ops.mean(rows, axis=0)
        within = ops.mean(ops.square(rows - row_mean), axis=0)
        columns = self._windows(row_mean, axis=1)
        mean = ops.mean(columns, axis=0)
        variance = ops.mean(self._windows(within, axis=1) + ops.square(columns - mean), axis=0)
        pixels = x[:, around:-around, around:-around]
        return (pixels - mean) / (ops.sqrt(ops.maximum(variance, LEAST_VARIANCE)) + 1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """As the input, but for patches with surroundings."""
        count, height, width, channels = input_shape
        if self.patch is not None and (height, width) == (self._surrounded, self._surrounded):
            return count, self.patch, self.patch, channels
        return count, height, width, channels

    @property
    def _surrounded(self) -> int:
        return (self.patch or 0) + self.window - 1

    def _windows(self, x: Any, axis: int) -> Any:
        """The values of each window along an axis, 1 or 2: (window, N, H, W, 1); one copy is faster than a convolution."""
        count = ops.shape(x)[axis] - self.window + 1
        starts = range(self.window)
        return ops.stack([x[:, at : at + count] if axis == 1 else x[:, :, at : at + count] for at in starts])

    def _with_surroundings(self, x: Any) -> Any:
        around = self.window // 2
        if self.patch is None:
            return ops.pad(x, [[0, 0], [around, around], [around, around], [0, 0]], mode="symmetric")
        height, width = ops.shape(x)[1:3]
        if isinstance(height, int) and isinstance(width, int):
            comes_along = (height, width) == (self._surrounded, self._surrounded)
            return x if comes_along else self._mirrored(x, height, width)
        comes_along = ops.logical_and(height == self._surrounded, width == self._surrounded)
        return ops.cond(comes_along, lambda: x, lambda: self._mirrored(x, height, width))

    def _mirrored(self, x: Any, height: Any, width: Any) -> Any:
        rows, columns = (_mirrored_places(side, self.window // 2) for side in (height, width))
        return ops.take(ops.take(x, rows, axis=1), columns, axis=2)


def _mirrored_places(side: Any, border: int) -> Any:
    """Where the pixels of a side with mirrored borders come from: int32 (side + 2 border,)."""
    places = ops.arange(side + 2 * border, dtype="int32") - border
    places = ops.where(places < 0, -1 - places, places)
    return ops.where(places >= side, 2 * side - 1 - places, places)
