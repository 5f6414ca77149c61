"""`protocol` in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from tfiqa.images.patches_graph import extract_patches_graph
from tfiqa.images.protocol import PictureProtocol
from tfiqa.images.resize_graph import resize_graph


def prepare_graph(protocol: PictureProtocol, picture: tf.Tensor) -> tf.Tensor:
    """`PictureProtocol.prepare`.

    Args:
        protocol: the protocol.
        picture: uint8 (H,W,3) of any, also unknown, size.

    Returns:
        uint8 (P,h,w,3).

    Raises:
        tf.errors.InvalidArgumentError: when run, for a picture that the resize policy does not take.
    """
    resized = resize_graph(picture, protocol.policy)
    if protocol.patch_size is None or protocol.patch_stride is None:
        return resized[tf.newaxis]
    return extract_patches_graph(
        resized, protocol.patch_size, protocol.patch_stride, protocol.patch_ends, protocol.patch_margin
    )
