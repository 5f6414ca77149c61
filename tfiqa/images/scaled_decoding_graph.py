"""`scaled_decoding` in TensorFlow operations."""

from __future__ import annotations

from functools import partial

import tensorflow as tf

from tfiqa.images.decode_graph import decode_jpeg_graph
from tfiqa.images.headers_graph import FORMATS, GraphHeader
from tfiqa.images.resize import ResizePolicy
from tfiqa.images.resize_graph import resize_bilinear_graph
from tfiqa.images.scaled_decoding import REDUCTIONS, SPARE

# For each of REDUCTIONS a decoder as `decode_graph.DECODERS` has them.
REDUCING_DECODERS = tuple(partial(decode_jpeg_graph, ratio=reduction) for reduction in REDUCTIONS)


def jpeg_reduction_graph(policy: ResizePolicy, header: GraphHeader) -> tf.Tensor:
    """`scaled_decoding.jpeg_reduction` of a picture with this header, an int64 scalar; 1 for other formats than JPEG."""
    rows, columns = _output_size(policy, header)
    found = tf.constant(1, tf.int64)
    for reduction in tf.unstack(tf.constant(REDUCTIONS[::-1], tf.int64)):
        least = SPARE * reduction
        found = tf.where((header.height >= least * rows) & (header.width >= least * columns), reduction, found)
    return tf.where(header.format == FORMATS.index("jpeg"), found, tf.constant(1, tf.int64))


def resize_reduced_graph(
    reduced: tf.Tensor, policy: ResizePolicy, header: GraphHeader, reduction: tf.Tensor
) -> tf.Tensor:
    """A picture that was reduced while it was decoded, brought to the size that the policy gives the whole one.

    Args:
        reduced: uint8 (h,w,3) as stored.
        policy: "shorter_side" or "stretch".
        header: of the whole picture.
        reduction: 2, 4 or 8, int64 scalar.

    Returns:
        uint8 (H,W,3), not turned upright yet.
    """
    height, width = (tf.cast(side, tf.int32) for side in _output_size(policy, header))
    extent = (
        tf.cast(header.height, tf.float64) / tf.cast(reduction, tf.float64),
        tf.cast(header.width, tf.float64) / tf.cast(reduction, tf.float64),
    )
    return resize_bilinear_graph(reduced, height, width, extent)


def _output_size(policy: ResizePolicy, header: GraphHeader) -> tuple[tf.Tensor, tf.Tensor]:
    """`ResizePolicy.output_size` as int64 scalars, of headers without a sound size too."""
    size = tf.constant(policy.size, tf.int64)
    if policy.kind == "stretch":
        return size, size
    shorter = tf.minimum(header.height, header.width)
    scaled = shorter >= policy.size
    height, width = (
        tf.where(scaled, size * side // tf.maximum(shorter, 1), side) for side in (header.height, header.width)
    )
    return height, width
