"""A picture (or a batch of one size) as the measures see it, and what several of them need from it, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

import tensorflow as tf

from tfiqa.errors import InvalidInput
from tfiqa.images.color import RED_GREEN_BLUE, mix_pixels, reduce_pixels
from tfiqa.images.filters import SCHARR, gradient_magnitude, reduction_factor, sides

# MATLAB's rgb2gray of a uint8 picture: the first row of the inverse of NTSC's YIQ matrix, to the digits that it prints.
MATLAB_GREY = (0.298936021293775, 0.587043074451121, 0.114020904255103)
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601

T = TypeVar("T")
Table = Callable[[int, int], Any]


class Remembering:
    """What derives things from itself and keeps them."""

    def __init__(self) -> None:
        self._derived: dict[Callable[[Any], Any], Any] = {}

    def get(self, derive: Callable[[Self], T]) -> T:
        """`derive(self)`, computed at the first call alone: what measures share is a function that is asked for twice."""
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        return self._derived[derive]


class Picture(Remembering):
    """Pictures of one size.

    Args:
        pixels: (N, H, W, 3), RGB 0..255, any numeric type.
        tables: arrays that depend on the size alone, by the name of the function that makes them.
        dtype: what is computed in, float32 or float64.
    """

    def __init__(self, pixels: tf.Tensor, tables: Mapping[str, tf.Tensor], dtype: tf.DType) -> None:
        super().__init__()
        self.dtype = dtype
        self.pixels = tf.cast(pixels, dtype)
        self.height, self.width = sides(self.pixels, axes=(1, 2))
        self._tables = tables

    @property
    def planes(self) -> tf.Tensor:
        """R, G and B, (N, 3, H, W)."""
        return self.get(_planes)

    def table(self, build: Table) -> tf.Tensor:
        """The array that `build(height, width)` makes for this size, in `dtype`. The measure must have named it."""
        return tf.stop_gradient(self._tables[build.__name__])  # else a compiled graph has their gradients too


def mix(planes: tf.Tensor, weights: tuple[tuple[float, ...], ...]) -> tf.Tensor:
    """Weighted sums of the colour planes: (N, 3, H, W) and k rows of three weights to (N, k, H, W).

    Not a matrix product, which may round a picture in a batch otherwise than alone.
    """
    red, green, blue = tf.unstack(planes, axis=1)
    return tf.stack([r * red + g * green + b * blue for r, g, b in weights], axis=1)


def _planes(picture: Picture) -> tf.Tensor:
    return tf.stack(mix_pixels(picture.pixels, RED_GREEN_BLUE), axis=1)


def y_float(picture: Picture) -> tf.Tensor:
    """0.299 R + 0.587 G + 0.114 B, not rounded: (N, H, W)."""
    return mix_pixels(picture.pixels, (LUMA,))[0]


def gray_u8(picture: Picture) -> tf.Tensor:
    """MATLAB's rgb2gray of a uint8 picture, an integer 0..255: (N, H, W). The gradient passes as if nothing were rounded."""
    return _rounded(mix_pixels(picture.pixels, (MATLAB_GREY,))[0])


@tf.custom_gradient
def _rounded(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """To the nearest integer, halves up."""
    return tf.floor(values + 0.5), lambda upstream: upstream


GREYS: dict[str, Callable[[Picture], tf.Tensor]] = {"gray_u8": gray_u8, "y_float": y_float}


def grey_of(name: str) -> Callable[[Picture], tf.Tensor]:
    """The grey conversion of that name. Raises InvalidInput when there is none."""
    if name not in GREYS:
        raise InvalidInput(f"grey must be {' or '.join(GREYS)}. Received: {name!r}")
    return GREYS[name]


def reduced(picture: Picture) -> tf.Tensor:
    """R, G and B brought near 256 pixels by the zero-padded box mean: (N, 3, h, w). Colour conversions come after it:
    both are linear, so the order does not matter, and three planes are reduced once for FSIM, VSI, MDSI and SR-SIM."""
    return reduce_pixels(picture.pixels, reduction_factor(picture.height, picture.width))


def reduced_luma(picture: Picture) -> tf.Tensor:
    """`LUMA` of `reduced`: (N, h, w)."""
    return mix(picture.get(reduced), (LUMA,))[:, 0]


def luma_edges(picture: Picture) -> tf.Tensor:
    """Scharr gradient magnitude of `reduced_luma`: (N, h, w)."""
    return gradient_magnitude(picture.get(reduced_luma), SCHARR)
