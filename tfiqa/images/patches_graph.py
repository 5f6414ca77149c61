"""`patches` in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from tfiqa.images.patches import SPAQ_SIZE, SPAQ_STRIDE


@tf.autograph.experimental.do_not_convert
def extract_patches_graph(picture: tf.Tensor, size: int = SPAQ_SIZE, stride: int = SPAQ_STRIDE) -> tf.Tensor:
    """`patches.extract_patches`.

    Args:
        picture: uint8 (H,W,3) of any, also unknown, size.
        size: pixels of a patch along each side, at least 1.
        stride: pixels from one patch to the next, at least 1.

    Returns:
        uint8 (P,h,w,3), where h and w are `size`, or the picture's own side where that is shorter.
    """
    tops, lefts = (_starts(length, size, stride) for length in tf.unstack(tf.shape(picture)[:2]))
    grid = tf.reshape(tf.stack(tf.meshgrid(tops, lefts, indexing="ij"), -1), [-1, 2])
    patches = tf.map_fn(
        lambda corner: picture[corner[0] : corner[0] + size, corner[1] : corner[1] + size],
        grid,
        fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
    )
    return tf.ensure_shape(patches, [None, None, None, 3])


def _starts(length: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """`patches.patch_starts` as int32 (count,)."""
    last = tf.maximum(length - size, 0)
    return tf.minimum(tf.range(-(-last // stride) + 1) * stride, last)
