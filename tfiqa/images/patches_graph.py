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
    height, width = tf.unstack(tf.shape(picture)[:2])
    tops, lefts = (_starts(length, size, stride, ends) for length in (height, width))
    tall, wide = (tf.minimum(size, length) + 2 * margin for length in (height, width))
    places = tops[:, tf.newaxis] + tf.range(-margin, tall - margin)
    rows = tf.where(places < 0, -1 - places, tf.where(places >= height, 2 * height - 1 - places, places))
    strips = tf.gather(picture, tf.reshape(rows, [-1]))
    before, after = strips[:, :margin][:, ::-1], strips[:, width - margin :][:, ::-1]
    strips = tf.concat([before, strips, after], 1)  # tf.pad takes six times as long
    cut = tf.map_fn(
        lambda left: strips[:, left : left + wide],
        lefts,
        fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
    )
    grid = tf.reshape(cut, [tf.size(lefts), tf.size(tops), tall, wide, 3])
    patches = tf.reshape(tf.transpose(grid, [1, 0, 2, 3, 4]), [-1, tall, wide, 3])
    return tf.ensure_shape(patches, [None, None, None, 3])


def _starts(length: tf.Tensor, size: int, stride: int, ends: str) -> tf.Tensor:
    """`patches.patch_starts` as int32 (count,)."""
    if ends == "within":
        message = f"patches of {size} pixels take sides from {size}"
        with tf.control_dependencies([tf.debugging.assert_greater_equal(length, size, message)]):
            return tf.range(0, length - size + 1, stride)
    last = tf.maximum(length - size, 0)
    return tf.minimum(tf.range(-(-last // stride) + 1) * stride, last)
