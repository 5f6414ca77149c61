"""`decode_graph` without errors: a picture that cannot be decoded comes with the reason instead."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.images.decode_graph import DECODERS
from tfiqa.images.headers_graph import GraphHeader, read_header_graph
from tfiqa.images.orientation_graph import upright_graph
from tfiqa.images.resize import ResizePolicy
from tfiqa.images.scaled_decoding import REDUCTIONS
from tfiqa.images.scaled_decoding_graph import REDUCING_DECODERS, jpeg_reduction_graph, resize_reduced_graph

DAMAGED = "is damaged or truncated"
CONVERT = "have to be converted, to PNG for example"
NAMES = ("", "JPEG", "PNG", "GIF", "BMP", "WebP")  # of `headers_graph.FORMATS`


@tf.autograph.experimental.do_not_convert
def try_decode_graph(
    encoded: tf.Tensor, max_pixels: int = DEFAULT_MAX_PIXELS, scaled_for: ResizePolicy | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a picture to RGB with TensorFlow operations, or says why not; no bytes make it fail.

    Args:
        encoded: scalar string, any bytes.
        max_pixels: the largest height times width allowed; checked before any pixel is decoded.
        scaled_for: as `decode.decode_picture` has it.

    Returns:
        uint8 (H,W,3), RGB, upright, as `decode.decode_picture` gives it, and a scalar string: why there is no picture, in words
        that follow its name, such as "is damaged or truncated". The string is "" for a picture; without one H is 0.
    """
    header = read_header_graph(encoded)
    reason = _refusal(encoded, header, max_pixels)
    decoders, decoder = DECODERS[1:], header.format
    height, width = header.height, header.width
    reduction = tf.constant(1, tf.int64)
    if scaled_for is not None:
        reduction = jpeg_reduction_graph(scaled_for, header)
        reducing = tf.argmax(tf.cast(tf.constant(REDUCTIONS, tf.int64) == reduction, tf.int32), output_type=tf.int32)
        decoders, decoder = decoders + REDUCING_DECODERS, tf.where(reduction > 1, len(DECODERS) + reducing, decoder)
        height, width = -(-height // reduction), -(-width // reduction)  # as libjpeg rounds
    # A data set of its own for each decoder: what the data set's function holds is prepared anew for each picture.
    attempts = [lambda decoder=decoder: _or_nothing(decoder, encoded, header) for decoder in decoders]
    stored = tf.switch_case(tf.where(reason == "", decoder, 0), [_nothing, *attempts])
    whole = (reason == "") & tf.reduce_all(tf.shape(stored, tf.int64)[:2] == tf.stack([height, width]))

    def upright() -> tf.Tensor:
        if scaled_for is None:
            return upright_graph(stored, header.orientation)
        resized = tf.cond(
            reduction > 1,
            lambda: resize_reduced_graph(stored, scaled_for, header, reduction),
            lambda: tf.identity(stored),
        )
        return upright_graph(resized, header.orientation)

    picture = tf.cond(whole, upright, _nothing)
    return tf.ensure_shape(picture, [None, None, 3]), tf.where((reason == "") & ~whole, DAMAGED, reason)


def _refusal(encoded: tf.Tensor, header: GraphHeader, max_pixels: int) -> tf.Tensor:
    """Why a picture is not given to a decoder, a scalar string; "" where it is."""
    name = tf.gather(NAMES, header.format)
    size = [tf.strings.as_string(side) for side in (header.width, header.height)]
    reasons = [
        (tf.strings.length(encoded) == 0, "is empty"),
        (header.format == 0, f"is no JPEG, PNG, GIF, BMP or WebP picture; others {CONVERT}"),
        (
            ~header.in_graph,
            tf.strings.join(["is a ", name, f" that is damaged, or of a kind not decoded here: such {CONVERT}"]),
        ),
        (
            header.width * header.height > max_pixels,
            tf.strings.join(["has ", size[0], " x ", size[1], f" pixels, more than the limit of {max_pixels}"]),
        ),
    ]
    found = tf.constant("")
    for holds, reason in reversed(reasons):
        found = tf.where(holds, reason, found)
    return found


def _or_nothing(decoder: Callable[..., tf.Tensor], encoded: tf.Tensor, header: GraphHeader) -> tf.Tensor:
    """What a decoder gives, or an empty picture where it fails.

    A graph has no other way to go on after an operation's error than a data set that leaves failing elements out.
    """
    decoded = tf.data.Dataset.from_tensors(encoded).map(lambda data: decoder(data, header))
    nothing = tf.data.Dataset.from_tensors(_nothing())
    first = decoded.ignore_errors(log_warning=False).concatenate(nothing).take(1)
    options = tf.data.Options()  # one element: nothing to rewrite or to tune
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return first.with_options(options).get_single_element()


def _nothing() -> tf.Tensor:
    return tf.zeros([0, 0, 3], tf.uint8)
