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

Predict = Callable[[LabelledPictures], Iterator[Outputs]]
Result = TypeVar("Result")


def held_out_predictor(
    model: QualityModel, recipe: Recipe, *, resize: str | None, stride: int | None = None
) -> Predict:
    """A function of pictures to the outputs for each, in order; the model's graph is compiled once for all its calls.

    Pictures are those that could be read when the run began; one that cannot now raises PictureError.

    Args:
        model: as it is at each call.
        recipe: of the run; with `data.boxes` the outputs are `quality` (1,) and `box_quality` (R,) of the manifest's boxes.
        resize, stride: override the model's protocol.
    """
    settings: dict[str, Any] = {
        "batch_size": recipe.validation.batch_size,
        "max_pixels": recipe.data.max_pixels,
        "resize": resize,
    }
    if not recipe.data.boxes:
        of_pictures = PicturePredictor(model, patch_stride=stride, **settings)

        def outputs(rows: LabelledPictures) -> Iterator[Outputs]:
            exif = exif_rows(rows.manifest) if recipe.spec.exif else None
            return map(_read, of_pictures.predict_all(rows.sources, exif))

        return outputs

    of_boxes = BoxPredictor(model, guided=True, **settings)

    def outputs_and_boxes(rows: LabelledPictures) -> Iterator[Outputs]:
        boxes, _ = box_rows(rows.manifest)
        for scores in map(_read, of_boxes.predict_all(zip(rows.sources, boxes, strict=True))):
            yield {"quality": np.array([scores.quality], np.float32), "box_quality": scores.box_quality}

    return outputs_and_boxes


def _read(result: Result | PictureError) -> Result:
    if isinstance(result, PictureError):
        raise result
    return result
