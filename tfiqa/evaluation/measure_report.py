"""How well each of several outputs is predicted: aspects of quality, or full-reference measures without the reference, figure 9
of DeepFL-IQA (Lin et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import plcc, srcc
from tfiqa.evaluation.tasks import Task
from tfiqa.models.deepfl import MEASURES
from tfiqa.score_scale import ScoreScale


@dataclass(frozen=True)
class MeasureAgreement:
    """One measure or aspect. All coefficients have both sides turned so that higher is better; NaN where undefined.

    Args:
        measure: the name of its column.
        srcc: Spearman's coefficient between the measure and its prediction (the figure's FR/MTL).
        plcc: Pearson's.
        srcc_score: of a full-reference measure, Spearman's between prediction and opinion scores (MTL/DMOS); None without such
            scores.
        measure_srcc_score: Spearman's between the measure itself and opinion scores (FR/DMOS); None without.
    """

    measure: str
    srcc: float
    plcc: float
    srcc_score: float | None = None
    measure_srcc_score: float | None = None


@dataclass(frozen=True)
class MeasureReport:
    """All measures of a model.

    Args:
        pictures: how many.
        measures: one after the other.
    """

    pictures: int
    measures: tuple[MeasureAgreement, ...]

    @property
    def srcc(self) -> float:
        """Mean over the measures."""
        return float(np.mean([each.srcc for each in self.measures]))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is undefined is None."""
        rows = [{key: _defined(value) for key, value in asdict(each).items()} for each in self.measures]
        return {"pictures": self.pictures, "srcc": _defined(self.srcc), "measures": rows}

    def to_text(self) -> str:
        """A table for people."""
        has_scores = any(each.srcc_score is not None for each in self.measures)
        also = f"{'with scores':>14}{'measure itself':>16}" if has_scores else ""
        lines = [f"{self.pictures} pictures", "", f"{'':12}{'SRCC':>8}{'PLCC':>8}{also}"]
        for each in self.measures:
            more = f"{each.srcc_score:14.4f}{each.measure_srcc_score:16.4f}" if has_scores else ""
            lines.append(f"{each.measure:12}{each.srcc:8.4f}{each.plcc:8.4f}{more}")
        return "\n".join([*lines, f"{'mean':12}{self.srcc:8.4f}"])


def measure_report(table: pd.DataFrame, truth: pd.DataFrame, tasks: Sequence[Task], scale: ScoreScale) -> MeasureReport:
    """Compares predictions with the columns that they are of, and full-reference measures also with opinion scores where there
    are any.

    Args:
        table: a row a picture, a column an output.
        truth: the manifest's rows, with a column a task and perhaps `score`.
        tasks: which outputs.
        scale: of the scores.

    Raises InvalidInput when there are no pictures.
    """
    if table.empty:
        raise InvalidInput("there is no picture to compare")
    are_measures = all(task.column in MEASURES for task in tasks)
    has_scores = are_measures and "score" in truth and truth["score"].notna().all()
    scores = scale.oriented(truth["score"]) if has_scores else None
    rows = []
    for task in tasks:
        predicted = task.prediction_scale.oriented(table[task.output])
        actual = task.score_scale.oriented(truth[task.column])
        with_scores = () if scores is None else (srcc(predicted, scores), srcc(actual, scores))
        rows.append(MeasureAgreement(task.column, srcc(predicted, actual), plcc(predicted, actual), *with_scores))
    return MeasureReport(len(table), tuple(rows))


def _defined(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
