"""`patches` in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from tfiqa.images.patches import SPAQ_SIZE, SPAQ_STRIDE


@tf.autograph.experimental.do_not_convert
def extract_patches_graph(
    picture: tf.Tensor, size: int = SPAQ_SIZE, stride: int = SPAQ_STRIDE, ends: str = "flush", margin: int = 0
) -> tf.Tensor:
    """`patches.extract_patches`.

    Args:
        picture: uint8 (H,W,3) of any, also unknown, size.
        size: pixels of a patch along each side, at least 1.
        stride: pixels from one patch to the next, at least 1.
        ends: see `patches.patch_starts`.
        margin: pixels of its surroundings that each patch brings along on every side.

    Returns:
        uint8 (P,h,w,3), where h and w are `size`, or the picture's own side where that is shorter, and twice the margin.

    Raises:
        tf.errors.InvalidArgumentError: when run, with ends "within" for a picture smaller than a patch.
    """
    lengths = tf.unstack(tf.shape(picture)[:2])
    rows, columns = (
        _pixels(_starts(length, size, stride, ends), length, tf.minimum(size, length), margin) for length in lengths
    )
    cut = tf.gather(tf.gather(picture, tf.reshape(rows, [-1])), tf.reshape(columns, [-1]), axis=1)
    grid = tf.reshape(cut, tf.concat([tf.shape(rows), tf.shape(columns), [3]], 0))
    patches = tf.reshape(tf.transpose(grid, [0, 2, 1, 3, 4]), [-1, tf.shape(rows)[1], tf.shape(columns)[1], 3])
    return tf.ensure_shape(patches, [None, None, None, 3])


def _starts(length: tf.Tensor, size: int, stride: int, ends: str) -> tf.Tensor:
    """`patches.patch_starts` as int32 (count,)."""
    if ends == "within":
        message = f"patches of {size} pixels take sides from {size}"
        with tf.control_dependencies([tf.debugging.assert_greater_equal(length, size, message)]):
            return tf.range(0, length - size + 1, stride)
    last = tf.maximum(length - size, 0)
    return tf.minimum(tf.range(-(-last // stride) + 1) * stride, last)


def _pixels(starts: tf.Tensor, length: tf.Tensor, size: tf.Tensor, margin: int) -> tf.Tensor:
    """`patches._pixels` as int32."""
    places = starts[:, tf.newaxis] + tf.range(-margin, size + margin)
    mirrored = tf.where(places < 0, -1 - places, places)
    return tf.where(mirrored >= length, 2 * length - 1 - mirrored, mirrored)
