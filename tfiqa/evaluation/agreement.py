"""A model's predictions held against what they predict, whatever kind of model it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from tfiqa.evaluation.databases_report import DatabasesReport, evaluate_databases
from tfiqa.evaluation.measure_report import MeasureReport, measure_report
from tfiqa.evaluation.report import EvaluationReport, evaluate_predictions
from tfiqa.evaluation.tasks import Task
from tfiqa.score_scale import ScoreScale

Report = EvaluationReport | MeasureReport | DatabasesReport


def agreement(
    predicted: pd.DataFrame,
    truth: pd.DataFrame,
    tasks: Sequence[Task],
    scale: ScoreScale,
    *,
    databases: pd.Series[str] | None = None,
    **bootstrap: Any,
) -> Report:
    """The figures of a model's tasks.

    Args:
        predicted: a row a picture, a column an output.
        truth: the manifest's rows.
        tasks: as `tasks_of` gives them.
        scale: of the manifest's scores.
        databases: the database of each row, where scores of different ones do not compare; each is then judged by itself.
        **bootstrap: groups, repeats and seed of `evaluate_predictions`; the other reports have no intervals.
    """
    first = tasks[0]
    if first.output != "quality":
        return measure_report(predicted, truth, tasks, scale)
    if databases is not None:
        return evaluate_databases(
            predicted[first.output],
            truth[first.column],
            databases.to_numpy(),
            prediction_scale=first.prediction_scale,
            score_scale=first.score_scale,
        )
    return evaluate_predictions(
        predicted[first.output],
        truth[first.column],
        prediction_scale=first.prediction_scale,
        score_scale=first.score_scale,
        **bootstrap,
    )


def truth_columns(truth: pd.DataFrame, tasks: Sequence[Task]) -> pd.DataFrame:
    """What the tasks predict, for a table beside the predictions: `score`, or `<measure>_target`."""
    names = {task.column: task.column if task.column == "score" else f"{task.column}_target" for task in tasks}
    return truth[list(names)].rename(columns=names)
