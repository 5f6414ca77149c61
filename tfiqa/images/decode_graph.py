"""`decode.decode_picture` in TensorFlow operations alone, for exported models and parallel pipelines.

JPEG (grey and three components, baseline or progressive), PNG, BMP of 24 and 32 bits, GIF whose first picture fills
the screen without transparency, and still WebP come out byte for byte as from Pillow. CMYK and arithmetic-coded JPEG,
animated WebP, TIFF and some rarities of the other formats do not: `graph_can_decode` is false for them, and decoding
them is an error. Damaged files are errors too, but a defect that both decoders survive may look different in the two.
"""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.images.decode import DEFAULT_MAX_PIXELS, WHITE, decode_picture
from tfiqa.images.headers_graph import GraphHeader, read_header_graph
from tfiqa.images.orientation_graph import upright_graph


@tf.autograph.experimental.do_not_convert
def graph_can_decode(encoded: tf.Tensor) -> tf.Tensor:
    """Whether `decode_picture_graph` gives the picture that Pillow gives; a bool scalar for a scalar string.

    `headers.needs_pillow` answers the same outside a graph. False as well for bytes that are no picture.
    """
    return read_header_graph(encoded).in_graph


@tf.autograph.experimental.do_not_convert
def decode_picture_graph(encoded: tf.Tensor, max_pixels: int = DEFAULT_MAX_PIXELS) -> tf.Tensor:
    """Decodes a picture to RGB with TensorFlow operations.

    Args:
        encoded: scalar string, the bytes of one picture for which `graph_can_decode` is true.
        max_pixels: the largest height times width allowed; checked before any pixel is decoded.

    Returns:
        uint8 (H,W,3), RGB, upright: what `decode.decode_picture` returns.

    Raises:
        tf.errors.InvalidArgumentError: when run, for any other bytes, damaged or truncated data, or too many pixels.
    """
    header = read_header_graph(encoded)
    checks = [
        tf.debugging.Assert(
            header.in_graph,
            ["no JPEG, PNG, BMP, GIF or WebP picture of a kind that TensorFlow operations decode"],
        ),
        tf.debugging.Assert(
            header.width * header.height <= max_pixels,
            ["the picture has", header.width, "x", header.height, "pixels, more than the limit of", max_pixels],
        ),
    ]
    with tf.control_dependencies(checks):
        encoded = tf.identity(encoded)
    picture = tf.switch_case(header.format, [lambda decoder=decoder: decoder(encoded, header) for decoder in DECODERS])
    stated = tf.stack([header.height, header.width])
    as_stated = tf.debugging.Assert(
        tf.reduce_all(tf.shape(picture, tf.int64)[:2] == stated),
        ["the picture is not of the size that its header states"],
    )
    with tf.control_dependencies([as_stated]):
        picture = tf.identity(picture)
    return _shaped(upright_graph(picture, header.orientation))


@tf.autograph.experimental.do_not_convert
def decode_any_graph(
    encoded: tf.Tensor, name: tf.Tensor, allow_pillow: bool, max_pixels: int = DEFAULT_MAX_PIXELS
) -> tf.Tensor:
    """Decodes a picture inside a `tf.data` pipeline.

    Args:
        encoded: scalar string, the bytes of one picture.
        name: scalar string, what Pillow's errors call the picture.
        allow_pillow: whether pictures that TensorFlow operations cannot decode go to Pillow. Then the graph holds a
            Python function, which cannot be exported and takes turns with other Python code; else they are errors.
        max_pixels: the largest height times width allowed.

    Returns:
        uint8 (H,W,3), RGB, upright.

    Raises:
        tf.errors.OpError: when run, for a picture that cannot be decoded.
    """
    if not allow_pillow:
        return decode_picture_graph(encoded, max_pixels)

    def with_pillow(*arguments: object) -> NDArray[np.uint8]:
        data, called = (np.asarray(argument, object).item() for argument in arguments)  # arrays if run eagerly
        return decode_picture(data, name=os.fsdecode(called), max_pixels=max_pixels)

    return _shaped(
        tf.cond(
            graph_can_decode(encoded),
            lambda: decode_picture_graph(encoded, max_pixels),
            lambda: _shaped(tf.numpy_function(with_pillow, [encoded, name], tf.uint8)),
        )
    )


def decode_jpeg_graph(encoded: tf.Tensor, header: GraphHeader, ratio: int = 1) -> tf.Tensor:
    """A JPEG as stored, uint8 (h,w,3): its size, as the header states it, divided by 1, 2, 4 or 8 and rounded up."""
    # The slow integer transform and interpolated chroma are libjpeg's defaults, which Pillow uses.
    return tf.io.decode_jpeg(
        encoded,
        channels=3,
        ratio=ratio,
        dct_method="INTEGER_ACCURATE",
        fancy_upscaling=True,
        try_recover_truncated=False,
    )


def _shaped(picture: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(picture, [None, None, 3])


def _unreadable(encoded: tf.Tensor, header: GraphHeader) -> tf.Tensor:
    return tf.zeros([0, 0, 3], tf.uint8)  # never reached: `in_graph` is false


def _png(encoded: tf.Tensor, header: GraphHeader) -> tf.Tensor:
    return tf.cond(
        header.transparent,
        lambda: _over_white(tf.io.decode_png(encoded, channels=4)),
        lambda: tf.io.decode_png(encoded, channels=3),
    )


def _gif(encoded: tf.Tensor, header: GraphHeader) -> tf.Tensor:
    return _shaped(tf.io.decode_image(encoded, channels=3, expand_animations=False))


def _bmp(encoded: tf.Tensor, header: GraphHeader) -> tf.Tensor:
    return tf.io.decode_bmp(encoded, channels=3)


def _webp(encoded: tf.Tensor, header: GraphHeader) -> tf.Tensor:
    picture = tf.io.decode_image(encoded, expand_animations=False)
    return tf.cond(tf.shape(picture)[2] == 4, lambda: _over_white(picture), lambda: _shaped(picture))


def _over_white(rgba: tf.Tensor) -> tf.Tensor:
    """`decode.composite_over_white`."""
    rgba = tf.cast(tf.ensure_shape(rgba, [None, None, 4]), tf.int32)
    alpha = rgba[..., 3:]
    return tf.cast((rgba[..., :3] * alpha + WHITE * (255 - alpha) + 127) // 255, tf.uint8)


# For each of `headers_graph.FORMATS` its decoder: of the encoded picture and its header, to uint8 (H,W,3) as stored.
DECODERS = (_unreadable, decode_jpeg_graph, _png, _gif, _bmp, _webp)
