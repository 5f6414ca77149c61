"""`orientation` in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from tfiqa.images.bytes_graph import big_endian, byte_length, byte_window, little_endian
from tfiqa.images.orientation import COLUMNS_REVERSED, ORIENTATION_TAG, ROWS_REVERSED, SHORT_TYPE, TRANSPOSED

ENTRY_SIZE = 12  # TIFF 6.0, section 2: tag, type, count, value


def exif_orientation_graph(block: tf.Tensor) -> tf.Tensor:
    """`orientation.exif_orientation` of a scalar string, as an int32 scalar 1 to 8."""
    length = byte_length(block)
    little = tf.strings.substr(block, 0, 4) == b"II*\0"
    known = little | (tf.strings.substr(block, 0, 4) == b"MM\0*")

    def number(values: tf.Tensor) -> tf.Tensor:
        return tf.where(little, little_endian(values), big_endian(values))

    directory = number(byte_window(block, tf.constant(4, tf.int64), 4))
    count = number(byte_window(block, directory, 2))
    entries = tf.strings.substr(block, tf.minimum(directory + 2, length), ENTRY_SIZE * count)
    entries = tf.io.decode_raw(entries, tf.uint8)
    entries = tf.reshape(entries[: tf.size(entries) // ENTRY_SIZE * ENTRY_SIZE], [-1, ENTRY_SIZE])
    entries = tf.pad(entries, [[0, 1], [0, 0]])  # a last entry of zeros, so that there is one to find
    found = number(entries[:, :2]) == ORIENTATION_TAG
    entry = entries[tf.argmax(tf.cast(found, tf.uint8))]
    value = tf.cast(number(entry[8:10]), tf.int32)
    valid = known & tf.reduce_any(found) & (number(entry[2:4]) == SHORT_TYPE) & (value >= 1) & (value <= 8)
    return tf.where(valid, value, 1)


def upright_graph(picture: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """`orientation.upright` of a picture (H,W,3) for an int32 scalar orientation 1 to 8."""

    def turned(value: int) -> tf.Tensor:
        result = tf.transpose(picture, [1, 0, 2]) if value in TRANSPOSED else picture
        axes = [0] * (value in ROWS_REVERSED) + [1] * (value in COLUMNS_REVERSED)
        return tf.reverse(result, axes) if axes else tf.identity(result)

    return tf.switch_case(orientation - 1, [lambda value=value: turned(value) for value in range(1, 9)])
