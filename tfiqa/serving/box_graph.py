"""The quality of boxes in pictures as one TensorFlow graph: encoded bytes and boxes in, scores out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from tfiqa.images.protocol_graph import prepare_graph
from tfiqa.pipelines.strips import by_size
from tfiqa.serving.each_picture_graph import Shapes, each_picture_graph

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel


@tf.autograph.experimental.do_not_convert
def score_boxes_graph(model: QualityModel, image_bytes: tf.Tensor, boxes: tf.Tensor) -> dict[str, tf.Tensor]:
    """Scores encoded pictures of mixed sizes and formats, and boxes in them.

    Args:
        model: a tfiqa model with the inputs `image`, as the picture is, and `boxes`.
        image_bytes: string (N,).
        boxes: float32 (N, R, 4), left, top, right, bottom in pixels of the picture as it is shown; as many for each
            picture as the model takes. Where one is outside the picture its features are 0, as the
            authors' RoI pooling has them.

    Returns:
        `quality` float32 (N,), `box_quality` float32 (N, R), and `error`, string (N,), for pictures without scores: see
        `each_picture_graph`.
    """

    def outputs(picture: tf.Tensor, boxes: tf.Tensor) -> dict[str, tf.Tensor]:
        quality, box_quality = picture_and_box_scores(model, picture, lambda image: boxes)
        return {"quality": quality, "box_quality": box_quality}

    def shapes(boxes: tf.Tensor) -> Shapes:
        return {"quality": [], "box_quality": [tf.shape(boxes)[0]]}

    def refusal(boxes: tf.Tensor) -> tf.Tensor:
        finite = tf.reduce_all(tf.math.is_finite(boxes))
        return tf.where(finite, "", "comes with a box of numbers that are not finite")

    return each_picture_graph(model.info, image_bytes, (boxes,), outputs, shapes, refusal)


def picture_and_box_scores(
    model: QualityModel, picture: tf.Tensor, boxes_of: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """The quality () of a picture (H, W, 3), and of boxes in it (R,); `boxes_of` the picture (1, H, W, 3) are (R, 4)."""
    image = tf.cast(prepare_graph(model.info.protocol, picture), tf.float32)
    boxes = boxes_of(image)[tf.newaxis]

    def scores() -> tuple[tf.Tensor, tf.Tensor]:
        outputs = model({"image": image, "boxes": boxes}, training=False)
        return outputs["quality"][0, 0], outputs["box_quality"][0]

    return by_size(image, scores, model)
