"""Convolutions of large pictures, computed strip by strip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

# Values that all the windows of a strip hold, overlaps included: 64 MB of float32. Fewer save no more memory.
STRIP_VALUES = 1 << 24


class StripConv2D(keras.layers.Conv2D):
    """A convolution that, within `in_strips`, computes some rows at a time.

    oneDNN's convolutions for processors without AVX-512 (TensorFlow 2.21) go astray where the windows of a picture hold
    about 200 million values or more together: 80 to 192 channels by 3x3 take 3 seconds at 650x480, and minutes at 680x500.
    A strip is the same convolution of fewer rows, so the values are the same but for the order in which they are added up.
    """

    strips = False  # whether graphs are traced with strips

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """As `Conv2D`; in strips for x of one picture (1, H, W, C)."""
        if not self.strips or max(self.kernel_size) == 1:
            return super().call(x)
        if self.padding == "same":
            x = self._padded(x)
        (kernel, across), (step, _) = self.kernel_size, self.strides
        height, width = tf.shape(x)[1], tf.shape(x)[2]
        rows = (height - kernel) // step + 1
        values = ((width - across) // self.strides[1] + 1) * kernel * across * int(x.shape[-1])
        at_once = tf.maximum(1, STRIP_VALUES // values)

        def add(first: tf.Tensor, strips: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            last = tf.minimum(first + at_once, rows) - 1
            strip = x[:, first * step : last * step + kernel]
            strip = keras.ops.conv(strip, self.kernel, self.strides, "valid")
            if self.use_bias:
                strip = keras.ops.add(strip, self.bias)
            return last + 1, strips.write(first // at_once, strip[0])

        strips = tf.TensorArray(
            x.dtype, -(-rows // at_once), infer_shape=False, element_shape=(None, None, self.filters)
        )
        _, strips = tf.while_loop(lambda first, _: first < rows, add, (0, strips), parallel_iterations=1)
        return self.activation(strips.concat()[tf.newaxis])

    def _padded(self, x: tf.Tensor) -> tf.Tensor:
        """With the zeros that "same" means in TensorFlow: one more after than before where their number is odd."""
        margins = []
        for side, kernel, step in zip(tf.unstack(tf.shape(x)[1:3]), self.kernel_size, self.strides, strict=True):
            missing = tf.maximum((-(-side // step) - 1) * step + kernel - side, 0)
            margins.append([missing // 2, missing - missing // 2])
        return tf.pad(x, [[0, 0], *margins, [0, 0]])


def strip_convolution(layer: Any) -> bool:
    """Whether a layer is a convolution that `StripConv2D` computes."""
    return type(layer) is keras.layers.Conv2D and layer.groups == 1 and layer.dilation_rate == (1, 1)


@contextmanager
def in_strips(model: keras.Model) -> Iterator[None]:
    """What is traced inside takes pictures one at a time, in strips."""
    convolutions = [layer for layer in model.layers if isinstance(layer, StripConv2D)]
    for layer in convolutions:
        layer.strips = True
    try:
        yield
    finally:
        for layer in convolutions:
            layer.strips = False
