"""Agreement with people on several databases, each by itself: scores of different databases do not compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.evaluation.report import EvaluationReport, evaluate_predictions
from tfiqa.score_scale import ScoreScale

AVERAGED = ("srcc", "krcc", "plcc", "plcc_logistic4", "plcc_logistic5")


@dataclass(frozen=True)
class DatabasesReport:
    """The figures of each database, and their averages weighted by pictures, as tables IV to VIII of UNIQUE have them (Zhang et
    al., IEEE TIP 2021).

    Args:
        databases: the report of each, by name.
    """

    databases: dict[str, EvaluationReport]

    @property
    def pictures(self) -> int:
        """How many in all."""
        return sum(report.pictures for report in self.databases.values())

    def average(self, figure: str) -> float | None:
        """The average of one of AVERAGED; None where a database has none."""
        values = [report.values()[figure] for report in self.databases.values()]
        if any(value is None or np.isnan(value) for value in values):
            return None
        weights = [report.pictures for report in self.databases.values()]
        return float(np.average(np.array(values, float), weights=weights))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is undefined is None."""
        return {
            "pictures": self.pictures,
            **{name: self.average(name) for name in AVERAGED},
            "databases": {name: report.to_dict() for name, report in self.databases.items()},
        }

    def to_text(self) -> str:
        """A line a database, and the averages."""
        width = max(len("weighted average"), *map(len, self.databases))
        lines = [f"{'':{width}}  pictures    SRCC    PLCC   PLCC after 5-parameter logistic"]
        for name, report in self.databases.items():
            figures = report.values()
            lines.append(
                _line(name, width, report.pictures, figures["srcc"], figures["plcc"], figures["plcc_logistic5"])
            )
        averages = (self.average(name) for name in ("srcc", "plcc", "plcc_logistic5"))
        lines.append(_line("weighted average", width, self.pictures, *averages))
        return "\n".join([*lines, "", "Each database by itself; positive is agreement; averages weighted by pictures."])


def evaluate_databases(
    predictions: ArrayLike,
    scores: ArrayLike,
    databases: Sequence[str] | NDArray[np.object_],
    *,
    prediction_scale: ScoreScale,
    score_scale: ScoreScale,
) -> DatabasesReport:
    """Compares predictions with human scores database by database.

    Args:
        predictions, scores: (N,), on their scales.
        databases: (N,) the name of each picture's.
        prediction_scale, score_scale: tell the directions.
    """
    x, y, names = np.asarray(predictions, float), np.asarray(scores, float), np.asarray(databases, object)
    return DatabasesReport(
        {
            str(name): evaluate_predictions(
                x[names == name], y[names == name], prediction_scale=prediction_scale, score_scale=score_scale
            )
            for name in dict.fromkeys(names)
        }
    )


def _line(name: str, width: int, pictures: int, *figures: float | None) -> str:
    told = ("undefined" if value is None or np.isnan(value) else f"{value:.4f}" for value in figures)
    return f"{name:{width}}  {pictures:>8}  " + "  ".join(f"{each:>6}" for each in told)
