"""Bytes and numbers out of a scalar string, in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf


def byte_length(text: tf.Tensor) -> tf.Tensor:
    """The number of bytes of a scalar string, int64."""
    return tf.cast(tf.strings.length(text), tf.int64)


def byte_window(text: tf.Tensor, start: tf.Tensor, size: int) -> tf.Tensor:
    """`size` bytes of a scalar string from `start` (int64) on, uint8 (size,), with zeros beyond its end."""
    start = tf.minimum(start, byte_length(text))
    window = tf.strings.substr(text, start, tf.constant(size, tf.int64))
    return tf.reshape(tf.io.decode_raw(window, tf.uint8, fixed_length=size), [size])


def little_endian(values: tf.Tensor) -> tf.Tensor:
    """The unsigned number, int64, whose bytes are the last axis of `values`, lowest first."""
    weights = [256**place for place in range(values.shape[-1])]
    return tf.reduce_sum(tf.cast(values, tf.int64) * tf.constant(weights, tf.int64), -1)


def big_endian(values: tf.Tensor) -> tf.Tensor:
    """The unsigned number, int64, whose bytes are the last axis of `values`, highest first."""
    return little_endian(tf.reverse(values, [-1]))
