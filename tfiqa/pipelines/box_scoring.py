"""Scoring boxes in pictures beside the pictures themselves, with any model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput, PictureError
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.images.resize import parse_policy
from tfiqa.pipelines.records.packed_picture import Source
from tfiqa.pipelines.scoring import PicturePredictor, of_each_picture, takes_exif

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

Boxes = NDArray[np.float32]  # (R, 4): left, top, right, bottom in pixels of the picture, right and bottom exclusive
Item = tuple[Source, Boxes]


@dataclass(frozen=True)
class BoxScores:
    """The quality of a picture, and of the boxes in it, (R,) float32; on the model's scale."""

    quality: float
    box_quality: NDArray[np.float32]


class BoxPredictor:
    """Runs a model on pictures and boxes in them.

    A model with the input `boxes` scores all of them in one pass. Any other one scores each box as a picture of its own, cut out
    at the box's edges, rounded to whole pixels; a box without a pixel of the picture is then NaN.

    Args:
        model: a tfiqa model with the output `quality`.
        resize: overrides the protocol's resize policy; boxes move along, and padding is no part of the picture.
        guided: what the feedback model feeds back: the first boxes of each picture, or, by default, those of `tfiqa score`, so
            that `quality` is what it says there.
        batch_size: of pictures and patches without boxes.
        max_pixels: larger pictures are refused.
        workers: decoding threads; by default one per processor.
    """

    def __init__(
        self,
        model: QualityModel,
        *,
        resize: str | None = None,
        guided: bool = False,
        batch_size: int = 32,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        workers: int | None = None,
    ) -> None:
        self.max_pixels, self.workers = max_pixels, workers or os.cpu_count() or 1
        self._takes_exif = takes_exif(model)
        scores: Callable[..., BoxScores]
        if takes_boxes(model):
            scores = _Together(model, resize, guided)
        else:
            scores = _OneByOne(PicturePredictor(model, resize=resize, batch_size=batch_size))
        self._scores = scores

    def predict(self, picture: NDArray[np.uint8], boxes: Boxes, exif: NDArray[np.float64] | None = None) -> BoxScores:
        """The scores of a decoded picture (H, W, 3) and of boxes (R, 4).

        Args:
            picture: as it is shown.
            boxes: in its pixels.
            exif: for a model that takes it, the numbers (8,) as `encode_exif` has them.

        Raises InvalidInput for a size that the model or the resize policy does not take, and for too few boxes to feed back.
        """
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        return self._scores(picture, boxes, exif)

    def predict_all(self, items: Iterable[Item]) -> Iterator[BoxScores | PictureError]:
        """The scores, or the error, of each picture with its boxes, in the given order and as they come."""
        return of_each_picture(
            self.predict, items, exif=self._takes_exif, max_pixels=self.max_pixels, workers=self.workers
        )


def takes_boxes(model: QualityModel) -> bool:
    """Whether a model has the input `boxes`."""
    return any(tensor.name == "boxes" for tensor in model.inputs)


def stand_in_boxes(model: QualityModel) -> Boxes:
    """The boxes (K, 4) that a model with the input `boxes` takes where none are given, in shares of the picture's sides."""
    from tfiqa.models.layers import PictureBoxes

    (layer,) = (layer for layer in model.layers if isinstance(layer, PictureBoxes))
    return np.array(layer.relative, np.float32).reshape(-1, 4)


class _Together:
    def __init__(self, model: QualityModel, resize: str | None, guided: bool) -> None:
        self.policy = parse_policy(resize or model.info.protocol.resize)
        relative = stand_in_boxes(model)
        self.least = len(relative) if guided else 0
        self.stand_ins = relative[: 0 if guided else None]
        self.network = _box_network(model)

    def __call__(self, picture: NDArray[np.uint8], boxes: Boxes, exif: Any) -> BoxScores:
        if len(boxes) < self.least:
            raise InvalidInput(f"the model takes {self.least} boxes or more to feed back. Received: {len(boxes)}")
        height, width = picture.shape[:2]
        stand_ins = self.stand_ins * np.array([width, height, width, height], np.float32)
        whole = np.array([[0, 0, width, height]], np.float32)
        moved = self.policy.move_boxes(np.concatenate([whole, stand_ins, boxes]), height, width)
        image = self.policy.apply(picture)[np.newaxis]
        quality, box_quality = self.network(image, moved[np.newaxis, 1:], moved[:1])
        return BoxScores(float(quality[0, 0]), box_quality[0, len(stand_ins) :])


class _OneByOne:
    def __init__(self, predictor: PicturePredictor) -> None:
        self.predictor = predictor

    def __call__(self, picture: NDArray[np.uint8], boxes: Boxes, exif: NDArray[np.float64] | None) -> BoxScores:
        height, width = picture.shape[:2]
        edges = np.clip(np.rint(boxes), 0, [width, height, width, height])
        values = np.full(len(boxes), np.nan, np.float32)
        for place, (left, top, right, bottom) in enumerate(edges):
            if left < right and top < bottom:  # not so for NaN either
                crop = picture[int(top) : int(bottom), int(left) : int(right)]
                values[place] = self._quality(crop, exif)
        return BoxScores(self._quality(picture, exif), values)

    def _quality(self, picture: NDArray[np.uint8], exif: NDArray[np.float64] | None) -> float:
        return float(self.predictor.predict_picture(picture, exif)["quality"][0])


def _box_network(model: QualityModel) -> Callable[..., tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """The model in inference mode as a function of images (N, H, W, 3), boxes (N, R, 4) and pictures' boxes (N, 4) to `quality`
    (N, 1) and `box_quality` (N, R); compiled as by `pipelines.scoring.network_function`."""
    import keras

    if keras.backend.backend() != "tensorflow":

        def predict(images: Any, boxes: Any, picture_box: Any) -> Any:
            inputs = {"image": images.astype(np.float32), "boxes": boxes, "picture_box": picture_box}
            outputs = model.predict_on_batch(inputs)
            return np.asarray(outputs["quality"]), np.asarray(outputs["box_quality"])

        return predict

    import tensorflow as tf

    from tfiqa.pipelines.strips import for_all_sizes

    def outputs_of(images: tf.Tensor, boxes: tf.Tensor, picture_box: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = model({"image": images, "boxes": boxes, "picture_box": picture_box}, training=False)
        return outputs["quality"], outputs["box_quality"]

    shapes = (None, None, None, 3), (None, None, 4), (None, 4)
    network = for_all_sizes(outputs_of, model, *(tf.TensorSpec(shape, tf.float32) for shape in shapes))
    return lambda images, boxes, picture_box: tuple(
        value.numpy() for value in network(images.astype(np.float32), boxes, picture_box)
    )
