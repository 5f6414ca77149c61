"""Convolutions of large pictures, computed strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

# Networks take larger pictures in strips. Below, no body's windows come near what `in_strips` is for, and a network in strips
# takes TensorFlow longer to prepare.
PLAIN_PIXELS = 3_000_000
# Values that all the windows of a strip hold, overlaps included: 64 MB of float32. Fewer save no more memory.
STRIP_VALUES = 1 << 24


@contextmanager
def in_strips(model: keras.Model) -> Iterator[None]:
    """Graphs traced inside compute the model's convolutions some rows at a time; also a decorator of what is traced.

    oneDNN's convolutions for processors without AVX-512 (TensorFlow 2.21) go astray where the windows of a picture hold
    about 200 million values or more together: 80 to 192 channels by 3x3 take 3 seconds at 650x480, and minutes at 680x500.
    A strip is the same convolution of fewer rows, so the values are the same but for the order in which they are added up.

    The layers, also those of models in the model, stay as they are and keep their weights: inside, and for the whole process,
    their `call` is another.
    """
    # Convolutions of one shape share a graph, traced and optimised once: InceptionResNetV2 is ready in 13 s rather than 35.
    convolve = tf.function(_convolve, autograph=False, experimental_attributes={"_noinline": True})
    convolutions = [layer for layer in _layers(model) if strip_convolution(layer)]
    for layer in convolutions:
        layer.call = partial(_call, layer, convolve)
    try:
        yield
    finally:
        for layer in convolutions:
            del layer.call


def for_all_sizes(
    function: Callable[..., Any], model: keras.Model, *specification: tf.TensorSpec
) -> Callable[..., Any]:
    """A function compiled as it is, and for pictures of more than PLAIN_PIXELS in strips; each when it is first needed.

    Args:
        function: of pictures (N, H, W, 3) and perhaps more tensors; it calls the model.
        model: what may go in strips.
        specification: of the function's arguments.
    """
    plain = tf.function(function, input_signature=specification, autograph=False)
    strips = tf.function(in_strips(model)(function), input_signature=specification, autograph=False)

    def sized(pictures: Any, *more: Any) -> Any:
        height, width = pictures.shape[1:3]
        return (plain if height * width <= PLAIN_PIXELS else strips)(pictures, *more)

    return sized


def by_size(pictures: tf.Tensor, function: Callable[[], Any], model: keras.Model) -> Any:
    """What a function gives, in a graph for all sizes: in strips where the pictures have more than PLAIN_PIXELS.

    Args:
        pictures: (N, H, W, 3), which the function calls the model with; only their size is looked at.
        function: of nothing, to the same structure of tensors whatever the size.
        model: what may go in strips.
    """
    # Not inlined, so that TensorFlow prepares it when a large picture comes, and not with the first of all.
    strips = tf.function(in_strips(model)(function), autograph=False, experimental_attributes={"_noinline": True})
    return tf.cond(tf.reduce_prod(tf.shape(pictures)[1:3]) <= PLAIN_PIXELS, function, strips)


def strip_convolution(layer: keras.Layer) -> bool:
    """Whether a layer is a convolution that `in_strips` computes; those of single pixels do not go astray."""
    return (
        type(layer) is keras.layers.Conv2D
        and max(layer.kernel_size) > 1
        and layer.groups == 1
        and layer.dilation_rate == (1, 1)
        and layer.data_format == "channels_last"
    )


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def _call(layer: Any, convolve: Callable[..., tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    kernel, bias = (None if each is None else tf.convert_to_tensor(each) for each in (layer.kernel, layer.bias))
    return layer.activation(convolve(x, kernel, bias, layer.strides, layer.padding))


def _convolve(
    x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None, steps: tuple[int, int], padding: str
) -> tf.Tensor:
    down, across, channels, filters = kernel.shape
    if padding == "same":
        x = _padded(x, (down, across), steps)
    count, height, width = tf.unstack(tf.shape(x)[:3])
    rows, columns = (height - down) // steps[0] + 1, (width - across) // steps[1] + 1
    at_once = tf.maximum(1, STRIP_VALUES // (count * columns * down * across * channels))

    def add(first: tf.Tensor, strips: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        last = tf.minimum(first + at_once, rows) - 1
        strip = tf.nn.conv2d(x[:, first * steps[0] : last * steps[0] + down], kernel, steps, "VALID")
        if bias is not None:
            strip = tf.nn.bias_add(strip, bias)
        return last + 1, strips.write(first // at_once, _rows_first(strip))

    strips = tf.TensorArray(x.dtype, -(-rows // at_once), infer_shape=False, element_shape=(None, None, None, filters))
    _, strips = tf.while_loop(lambda first, _: first < rows, add, (0, strips), parallel_iterations=1)
    return _rows_first(strips.concat())


def _rows_first(x: tf.Tensor) -> tf.Tensor:
    """(N, H, W, C) from (H, N, W, C) or the reverse; of one picture nothing is copied."""
    return tf.transpose(x, (1, 0, 2, 3))


def _padded(x: tf.Tensor, kernel: tuple[int, int], steps: tuple[int, int]) -> tf.Tensor:
    """With the zeros that "same" means in TensorFlow: one more after than before where their number is odd."""
    margins = []
    for side, length, step in zip(tf.unstack(tf.shape(x)[1:3]), kernel, steps, strict=True):
        missing = tf.maximum((-(-side // step) - 1) * step + length - side, 0)
        margins.append([missing // 2, missing - missing // 2])
    return tf.pad(x, [[0, 0], *margins, [0, 0]])
