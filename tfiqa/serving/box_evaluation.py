"""A model's scores of boxes held against a manifest's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfiqa.databases.box_rows import are_within, box_rows
from tfiqa.databases.manifest import Manifest
from tfiqa.errors import InvalidInput, PictureError, UnsupportedPicture
from tfiqa.evaluation.boxes_report import BoxesReport, evaluate_boxes, size_classes
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, picture_size
from tfiqa.pipelines.box_scoring import BoxPredictor, BoxScores
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.pipelines.records.packed_picture import file_or_bytes, name_of

if TYPE_CHECKING:
    from tfiqa.models.model_info import ModelInfo
    from tfiqa.models.quality_model import QualityModel


@dataclass(frozen=True, eq=False)
class BoxEvaluation:
    """The outcome of `evaluate_box_scores`.

    Args:
        report: the agreement by size.
        scores: of each picture and its boxes; None for one that could not be scored.
        errors: why not.
    """

    report: BoxesReport
    scores: list[BoxScores | None]
    errors: list[str]


def scored_boxes(info: ModelInfo, manifest: Manifest) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """The boxes and scores of `box_rows`, for a model to be held against.

    Raises ManifestError as `box_rows` does, InvalidInput where no row has a box, and for a model without quality.
    """
    if "quality" not in info.columns or info.scale is None:
        raise InvalidInput(f"{info.model} tells no quality, so none of boxes")
    boxes, scores = box_rows(manifest)
    if not any(map(len, boxes)):
        raise InvalidInput(f"{manifest.name}: none of the {len(boxes)} rows has a box")
    return boxes, scores


def evaluate_box_scores(
    model: QualityModel,
    pictures: LabelledPictures,
    *,
    batch_size: int = 32,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    progress: Callable[[int, int], None] | None = None,
) -> BoxEvaluation:
    """Scores the boxes of a manifest's pictures and compares with its `box_scores`.

    A model with the input `boxes` scores a picture and its boxes in one pass. For any other one each box is a picture of its own,
    as PaQ-2-PiQ's authors tested those (Ying et al., CVPR 2020, section 4.1), at the cost of as many pictures.

    Args:
        model: with the output `quality`.
        pictures: with the columns `boxes` and `box_scores`, on the scale of `score`.
        batch_size: of a model without boxes.
        max_pixels: larger pictures are refused.
        progress: called with (done, all) after each picture.

    Raises ManifestError for the columns, InvalidInput for a model without quality and when no box can be scored.
    """
    boxes, truth = scored_boxes(model.info, pictures.manifest)
    assert model.info.scale is not None
    predictor = BoxPredictor(model, batch_size=batch_size, max_pixels=max_pixels)
    scores: list[BoxScores | None] = []
    errors: list[str] = []
    sizes = []
    found = predictor.predict_all(zip(pictures.sources, boxes, strict=True))
    for place, (source, own) in enumerate(zip(pictures.sources, found, strict=True)):
        try:
            if isinstance(own, PictureError):
                raise own
            width, height = picture_size(file_or_bytes(source)[0])
            if not are_within(boxes[place], height, width):
                raise UnsupportedPicture(name_of(source), f"a box is not within its {width}x{height} pixels")
            if not np.isfinite([own.quality, *own.box_quality]).all():
                raise UnsupportedPicture(name_of(source), "the model's score of it, or of a box, is not finite")
        except PictureError as error:
            errors.append(str(error))
            scores.append(None)
        else:
            sizes.append(size_classes(boxes[place], height, width))
            scores.append(own)
        if progress:
            progress(place + 1, len(pictures))
    known = [place for place, own in enumerate(scores) if own is not None]
    if not sum(len(boxes[place]) for place in known):
        raise InvalidInput(f"none of the boxes could be scored{f'; the first: {errors[0]}' if errors else ''}")
    report = evaluate_boxes(
        np.concatenate([own.box_quality for own in scores if own is not None]),
        np.concatenate([truth[place] for place in known]),
        np.concatenate(sizes),
        prediction_scale=model.info.scale,
        score_scale=pictures.manifest.scale,
    )
    return BoxEvaluation(report, scores, errors)
