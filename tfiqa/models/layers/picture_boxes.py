"""The box of each picture in front of its other boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfiqa")
class PictureBoxes(keras.layers.Layer):
    """Images (N, H, W, C), boxes (N, R, 4) or None, and the pictures' boxes (N, 4) or None, to boxes (N, 1 + R, 4), float32.

    A box is left, top, right, bottom in pixels, right and bottom beyond its last pixel. The first of the result is the
    picture's: the one given, which leaves the padding of an image out, or the whole image. The others are `boxes`, or without
    them `relative`.

    Args:
        relative: boxes of every picture, in shares of its width and height; none by default.
        **settings: of any Keras layer.
    """

    def __init__(self, relative: Sequence[Sequence[float]] = (), **settings: Any) -> None:
        super().__init__(**{**settings, "autocast": False})  # half precision has no room for pixel coordinates
        self.relative = tuple(map(tuple, relative))

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer."""
        return {**super().get_config(), "relative": self.relative}

    def call(self, images: Any, boxes: Any = None, picture_box: Any = None) -> Any:
        """The boxes."""
        count, height, width, _ = ops.shape(images)
        if picture_box is None:
            size = ops.stack([ops.cast(side, "float32") for side in (width, height)])
            picture_box = ops.tile(ops.concatenate([ops.zeros_like(size), size])[None], (count, 1))
        picture = ops.cast(picture_box, "float32")[:, None]
        if boxes is None:
            shares = ops.reshape(ops.convert_to_tensor(self.relative, "float32"), (-1, 4))
            corner = ops.tile(picture[..., :2], (1, 1, 2))
            boxes = corner + shares * (ops.tile(picture[..., 2:], (1, 1, 2)) - corner)
        return ops.concatenate([picture, ops.cast(boxes, "float32")], axis=1)

    def compute_output_shape(
        self, images_shape: Any, boxes_shape: Any = None, picture_box_shape: Any = None
    ) -> tuple[int | None, ...]:
        """(N, 1 + R, 4)."""
        count = len(self.relative) if boxes_shape is None else boxes_shape[1]
        return images_shape[0], None if count is None else 1 + count, 4
