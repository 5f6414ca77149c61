"""The quality of boxes in pictures as one TensorFlow graph: encoded bytes and boxes in, scores out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from tfiqa.images.decode_graph import decode_picture_graph
from tfiqa.images.protocol_graph import prepare_graph
from tfiqa.pipelines.strips import by_size

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel


@tf.autograph.experimental.do_not_convert
def score_boxes_graph(model: QualityModel, image_bytes: tf.Tensor, boxes: tf.Tensor) -> dict[str, tf.Tensor]:
    """Scores encoded pictures of mixed sizes and formats, and boxes in them.

    Args:
        model: a tfiqa model with the inputs `image`, as the picture is, and `boxes`.
        image_bytes: string (N,). A picture that the graph cannot decode fails the request.
        boxes: float32 (N, R, 4), left, top, right, bottom in pixels of the picture as it is shown; as many for each
            picture as the model takes.

    Returns:
        `quality` float32 (N,) and `box_quality` float32 (N, R).
    """

    def score_one(element: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return picture_and_box_scores(model, element[0], lambda image: element[1])

    signature = tf.TensorSpec((), tf.float32), tf.TensorSpec((None,), tf.float32)
    # One picture after the other, as in `score_pictures_graph`.
    quality, box_quality = tf.map_fn(
        score_one, (image_bytes, boxes), fn_output_signature=signature, parallel_iterations=1
    )
    return {"quality": quality, "box_quality": box_quality}


def picture_and_box_scores(
    model: QualityModel, data: tf.Tensor, boxes_of: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """The quality () of an encoded picture, and of boxes in it (R,); `boxes_of` the picture (1, H, W, 3) are (R, 4)."""
    image = tf.cast(prepare_graph(model.info.protocol, decode_picture_graph(data)), tf.float32)
    boxes = boxes_of(image)[tf.newaxis]

    def scores() -> tuple[tf.Tensor, tf.Tensor]:
        outputs = model({"image": image, "boxes": boxes}, training=False)
        return outputs["quality"][0, 0], outputs["box_quality"][0]

    return by_size(image, scores, model)
