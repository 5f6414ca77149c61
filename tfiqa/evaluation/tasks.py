"""Which outputs of a model are compared with which columns of a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tfiqa.models.deepfl import EQUALIZED_SCALE, MEASURES, RAW_SCALE
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
    """What a model is judged by: its quality against opinion scores where it learns them; else each output of one number that it
    learns, such as a full-reference measure or an aspect of quality, against the column that it is trained on.

    Args:
        info: the model's.
        scale: of the manifest's scores; columns other than measures have its range and direction.
    """
    targets = _targets(info)
    prediction_scale = info.scale or scale
    if "quality" in targets:
        return (Task("quality", "score", prediction_scale, scale),)
    numbers = _numbers(targets)
    if not _are_measures(numbers):
        scales = {name: [_scale_of(name, info, each) for each in (prediction_scale, scale)] for name in numbers}
        return tuple(Task(name, column, *scales[name]) for name, column in numbers.items())

    from tfiqa.full_reference import MEASURES as REGISTERED

    own = {name: REGISTERED.get(column).value.scale for name, column in numbers.items()}
    is_equalized = prediction_scale == EQUALIZED_SCALE
    return tuple(
        Task(name, numbers[name], prediction_scale if is_equalized else each, each) for name, each in own.items()
    )


def trained_scale(info: ModelInfo, scale: ScoreScale, equalized: bool) -> ScoreScale:
    """The scale that a trained model is given: that of its quality, or of the full-reference measures that it predicts.

    Args:
        info: the model's.
        scale: of the scores that it learned.
        equalized: whether it learned histogram-equalised measures.
    """
    targets = _targets(info)
    if "quality" in targets:
        return scale
    if _are_measures(_numbers(targets)):
        return EQUALIZED_SCALE if equalized else RAW_SCALE
    return _scale_of("quality", info, scale)


def _targets(info: ModelInfo) -> Mapping[str, tuple[str, ...]]:
    spec = model_spec(info.model)
    return spec.with_options(spec.options(**info.options)).targets


def _scale_of(output: str, info: ModelInfo, scale: ScoreScale) -> ScoreScale:
    """The scale of one of several outputs that share range and direction, or of `quality`, their mean: its unit names this one in
    place of another, such as "SCPQD2020 noise rank" where the scores are of "SCPQD2020 texture rank"."""
    words, names = scale.unit.split(), {"quality", *model_spec(info.model).targets}
    renamed = " ".join(output if word in names else word for word in words)
    return replace(scale, unit=renamed if names & set(words) else f"{scale.unit}: {output}")


def _numbers(targets: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The column of each trained output of one number."""
    return {name: columns[0] for name, columns in targets.items() if len(columns) == 1}


def _are_measures(numbers: Mapping[str, str]) -> bool:
    return set(numbers.values()) <= set(MEASURES)
