"""Rank agreement within groups of pictures, for scores that compare only there: ranks within a scene, say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfiqa.databases.table_file import as_text
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import is_constant, paired, spearman
from tfiqa.evaluation.tasks import Task
from tfiqa.score_scale import ScoreScale


@dataclass(frozen=True)
class GroupAgreement:
    """One group.

    Args:
        group: its name.
        pictures: how many.
        srcc: Spearman's coefficient with both sides turned so that higher is better; 0, no agreement, where all predictions are
            equal; NaN where the group does not count, having one picture or equal scores.
    """

    group: str
    pictures: int
    srcc: float


@dataclass(frozen=True)
class WithinGroups:
    """The figures of `within_groups`, in the order of the groups' names."""

    groups: tuple[GroupAgreement, ...]

    @property
    def srcc(self) -> float:
        """The mean over the groups that count, each with the same weight; NaN where none does."""
        values = self._counted()
        return float(np.mean(values)) if values else math.nan

    @property
    def left_out(self) -> int:
        """How many groups do not count."""
        return len(self.groups) - len(self._counted())

    def table(self) -> pd.DataFrame:
        """A row a group: group, pictures, srcc."""
        return pd.DataFrame([asdict(each) for each in self.groups])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is undefined is None."""
        rows = [{**asdict(each), "srcc": _defined(each.srcc)} for each in self.groups]
        return {"srcc": _defined(self.srcc), "left_out": self.left_out, "groups": rows}

    def to_text(self) -> str:
        """The mean and the range, in a line."""
        values = self._counted()
        left_out = f"; {self.left_out} of one picture or equal scores do not count" if self.left_out else ""
        if not values:
            return f"undefined{left_out}"
        groups = f"{len(values)} groups" if len(values) > 1 else "1 group"
        return f"{self.srcc:.4f}, mean of {groups} from {min(values):.4f} to {max(values):.4f}{left_out}"

    def _counted(self) -> list[float]:
        return [each.srcc for each in self.groups if not math.isnan(each.srcc)]


@dataclass(frozen=True)
class TasksWithin:
    """The figures of `tasks_within`.

    Args:
        column: whose values are the groups.
        outputs: of each task, by its output.
    """

    column: str
    outputs: Mapping[str, WithinGroups]

    @property
    def srcc(self) -> float:
        """The mean over the tasks."""
        return float(np.mean([each.srcc for each in self.outputs.values()]))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is undefined is None."""
        outputs = {name: each.to_dict() for name, each in self.outputs.items()}
        return {"column": self.column, "srcc": _defined(self.srcc), "outputs": outputs}

    def to_text(self) -> str:
        """A line a task."""
        names = [f" of {name}" if len(self.outputs) > 1 else "" for name in self.outputs]
        lines = [
            f"SRCC{name} within {self.column}: {each.to_text()}"
            for name, each in zip(names, self.outputs.values(), strict=True)
        ]
        return "\n".join(lines)


def within_groups(
    predictions: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[object] | NDArray[np.object_] | pd.Series[Any],
    *,
    prediction_scale: ScoreScale,
    score_scale: ScoreScale,
) -> WithinGroups:
    """Spearman's coefficient within each group, as for SCPQD2020, whose scores are ranks of the pictures of one scene (Zhu et
    al., arXiv:2003.01299, 2020).

    Args:
        predictions: shape (N,) or (N, 1).
        scores: the same shape.
        groups: (N,) the name of each picture's group.
        prediction_scale, score_scale: tell the directions.

    Raises InvalidInput for other shapes and lengths, values that are not finite, and a picture without a group.
    """
    x, y = paired(predictions, scores)
    names = as_text(pd.Series(groups, dtype=object)).to_numpy(object)
    if len(names) != len(x) or pd.isna(names).any():
        raise InvalidInput(
            f"each of the {len(x)} pictures needs the name of its group. Received: {int(pd.notna(names).sum())} names"
        )
    x, y = prediction_scale.oriented(x), score_scale.oriented(y)
    return WithinGroups(
        tuple(_agreement(name, x[names == name], y[names == name]) for name in sorted(dict.fromkeys(names)))
    )


def tasks_within(predicted: pd.DataFrame, truth: pd.DataFrame, tasks: Sequence[Task], column: str) -> TasksWithin:
    """The agreement of each task within the groups that a column names.

    Args:
        predicted: a row a picture, a column an output.
        truth: the manifest's rows, with the tasks' columns and that of the groups.
        tasks: as `tasks_of` gives them.
        column: of the groups; those of different databases (column `database`) never meet.

    Raises InvalidInput as `within_groups` does.
    """
    groups = as_text(truth[column])
    if "database" in truth and truth["database"].nunique(dropna=False) > 1:
        groups = (as_text(truth["database"]).fillna("") + " " + groups).str.lstrip()
    return TasksWithin(
        column,
        {
            task.output: within_groups(
                predicted[task.output],
                truth[task.column],
                groups,
                prediction_scale=task.prediction_scale,
                score_scale=task.score_scale,
            )
            for task in tasks
        },
    )


def _agreement(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> GroupAgreement:
    counts = not is_constant(y)
    return GroupAgreement(name, len(y), float(np.nan_to_num(spearman(x, y))) if counts else math.nan)


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
