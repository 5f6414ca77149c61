"""Which pictures TensorFlow's decoder refuses although Pillow takes them: damage that one library forgives and the other not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.in_order import map_in_order


def refused_by_graph(paths: Sequence[Path], max_pixels: int = DEFAULT_MAX_PIXELS) -> list[Path]:
    """The pictures that the training pipeline's own decoder fails on; met in the middle of an epoch they would end the run."""
    import tensorflow as tf

    from tfiqa.images.decode_graph import decode_file_graph

    @tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
    def size(path: tf.Tensor) -> tf.Tensor:
        return tf.shape(decode_file_graph(path, allow_pillow=False, max_pixels=max_pixels))

    def refused(path: Path) -> bool:
        try:
            size(tf.constant(os.fsencode(path)))
        except tf.errors.OpError:
            return True
        return False

    return [path for path, bad in zip(paths, map_in_order(refused, paths, os.cpu_count() or 1), strict=True) if bad]
