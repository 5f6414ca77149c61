"""Quality maps as one TensorFlow graph: encoded bytes in, the quality of a picture and of its blocks out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfiqa.pipelines.box_scoring import stand_in_boxes
from tfiqa.serving.box_graph import picture_and_box_scores
from tfiqa.serving.each_picture_graph import Shapes, each_picture_graph

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

MAP_SIDE = 20  # rows, and blocks in a row: the default of PaQ-2-PiQ's code and of `tfiqa map`


@tf.autograph.experimental.do_not_convert
def map_pictures_graph(model: QualityModel, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
    """The maps of encoded pictures of mixed sizes and formats, as `explain.quality_map` has them for the grid "20".

    Args:
        model: a tfiqa model with the inputs `image`, as the picture is, and `boxes`.
        image_bytes: string (N,).

    Returns:
        `quality` float32 (N,), `map` float32 (N, 20, 20), rows from the top, and `error`, string (N,), for pictures without
        scores: see `each_picture_graph`.
    """
    relative = stand_in_boxes(model)

    def all_boxes(image: tf.Tensor) -> tf.Tensor:
        height, width = tf.unstack(tf.cast(tf.shape(image)[1:3], tf.float64))
        # What the feedback model feeds back comes first, as without boxes.
        stand_ins = relative * tf.cast(tf.stack([width, height, width, height]), tf.float32)
        return tf.concat([stand_ins, _blocks(height, width)], axis=0)

    def outputs(picture: tf.Tensor) -> dict[str, tf.Tensor]:
        quality, scores = picture_and_box_scores(model, picture, all_boxes)
        return {"quality": quality, "map": tf.reshape(scores[len(relative) :], (MAP_SIDE, MAP_SIDE))}

    def shapes() -> Shapes:
        return {"quality": [], "map": [MAP_SIDE, MAP_SIDE]}

    return each_picture_graph(model.info, image_bytes, (), outputs, shapes)


def _blocks(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """`explain.blocks.block_boxes` (400, 4), from sides in float64."""
    places = tf.range(MAP_SIDE + 1, dtype=tf.float64)
    down, across = (tf.cast(places * (side / MAP_SIDE), tf.float32) for side in (height, width))
    edges = tf.meshgrid(down[:-1], across[:-1], indexing="ij"), tf.meshgrid(down[1:], across[1:], indexing="ij")
    (top, left), (bottom, right) = edges
    return tf.reshape(tf.stack([left, top, right, bottom], axis=-1), (-1, 4))
