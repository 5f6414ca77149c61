"""What a trained model says of pictures that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tfiqa.databases.box_rows import box_rows
from tfiqa.databases.exif_rows import exif_rows
from tfiqa.errors import PictureError
from tfiqa.pipelines.box_scoring import BoxPredictor
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.pipelines.scoring import Outputs, PicturePredictor
from tfiqa.training.recipe import Recipe

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

Predict = Callable[[], Iterator[Outputs]]
Result = TypeVar("Result")


def held_out_predictor(
    model: QualityModel, recipe: Recipe, rows: LabelledPictures, *, resize: str | None, stride: int | None = None
) -> Predict:
    """A function to the outputs for each picture, in order; the model's graph is compiled once for all its calls.

    Args:
        model: as it is at each call.
        recipe: of the run; with `data.boxes` the outputs are `quality` (1,) and `box_quality` (R,) of the manifest's boxes.
        rows: pictures that could be read when the run began; one that cannot now raises PictureError.
        resize, stride: override the model's protocol.
    """
    settings: dict[str, Any] = {
        "batch_size": recipe.validation.batch_size,
        "max_pixels": recipe.data.max_pixels,
        "resize": resize,
    }
    exif = exif_rows(rows.manifest) if recipe.spec.exif else None
    if recipe.data.boxes:
        of_boxes = BoxPredictor(model, guided=True, **settings)
        boxes, _ = box_rows(rows.manifest)
    else:
        of_pictures = PicturePredictor(model, patch_stride=stride, **settings)

    def outputs() -> Iterator[Outputs]:
        if not recipe.data.boxes:
            yield from map(_read, of_pictures.predict_all(rows.sources, exif))
            return
        for scores in map(_read, of_boxes.predict_all(zip(rows.sources, boxes, strict=True))):
            yield {"quality": np.array([scores.quality], np.float32), "box_quality": scores.box_quality}

    return outputs


def _read(result: Result | PictureError) -> Result:
    if isinstance(result, PictureError):
        raise result
    return result
