"""Which outputs of a model are compared with which columns of a manifest."""

from __future__ import annotations

from dataclasses import dataclass

from tfiqa.models.deepfl import EQUALIZED_SCALE
from tfiqa.models.model_info import ModelInfo, model_spec
from tfiqa.score_scale import ScoreScale


@dataclass(frozen=True)
class Task:
    """An output of one number and what it predicts.

    Args:
        output: its name.
        column: the manifest's.
        prediction_scale: of the output.
        score_scale: of the column.
    """

    output: str
    column: str
    prediction_scale: ScoreScale
    score_scale: ScoreScale


def tasks_of(info: ModelInfo, scale: ScoreScale) -> tuple[Task, ...]:
    """What a model is judged by: its quality against opinion scores, or each full-reference measure that it predicts.

    Args:
        info: the model's.
        scale: of the manifest's scores.
    """
    spec = model_spec(info.model)
    targets = spec.with_options(spec.options(**info.options)).targets
    prediction_scale = info.scale or scale
    if "quality" in targets:
        return (Task("quality", "score", prediction_scale, scale),)

    from tfiqa.full_reference import MEASURES

    scales = {name: MEASURES.get(name).value.scale for name in targets}
    is_equalized = prediction_scale == EQUALIZED_SCALE
    return tuple(Task(name, name, prediction_scale if is_equalized else each, each) for name, each in scales.items())
