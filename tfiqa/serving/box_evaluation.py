"""A model's scores of boxes held against a manifest's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfiqa.databases.box_rows import box_rows
from tfiqa.errors import InvalidInput, PictureError, UnsupportedPicture
from tfiqa.evaluation.boxes_report import BoxesReport, evaluate_boxes, size_classes
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, picture_size
from tfiqa.pipelines.box_scoring import BoxPredictor, BoxScores
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.pipelines.records.packed_picture import file_or_bytes, name_of

if TYPE_CHECKING:
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


def evaluate_box_scores(
    model: QualityModel,
    pictures: LabelledPictures,
    *,
    guided: bool = False,
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
        guided: see `BoxPredictor`.
        batch_size: of a model without boxes.
        max_pixels: larger pictures are refused.
        progress: called with (done, all) after each picture.

    Raises ManifestError for the columns, InvalidInput for a model without quality and when no box can be scored.
    """
    if "quality" not in model.info.columns or model.info.scale is None:
        raise InvalidInput(f"{model.info.model} tells no quality, so none of boxes")
    boxes, truth = box_rows(pictures.manifest)
    predictor = BoxPredictor(model, guided=guided, batch_size=batch_size, max_pixels=max_pixels)
    scores: list[BoxScores | None] = []
    errors: list[str] = []
    sizes = []
    found = predictor.predict_all(zip(pictures.sources, boxes, strict=True))
    for place, (source, own) in enumerate(zip(pictures.sources, found, strict=True)):
        if isinstance(own, BoxScores) and not np.isfinite([own.quality, *own.box_quality]).all():
            own = UnsupportedPicture(name_of(source), "the model's score of it, or of one of its boxes, is not finite")
        if isinstance(own, PictureError):
            errors.append(str(own))
            scores.append(None)
        else:
            width, height = picture_size(file_or_bytes(source)[0])
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
