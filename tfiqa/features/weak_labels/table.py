"""The columns of weak labels, as a table and as the features of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tfiqa.features.weak_labels.reading import Task
from tfiqa.features.weak_labels.references import Pristine
from tfiqa.pipelines.records.schema import Feature, schema_of

TEXTS = ("image", "reference", "distortion", "group", "split", "database")
INTEGERS = ("level", "type", "seed")


@dataclass(frozen=True)
class Columns:
    """The columns: `image` and `reference` (keys), `distortion`, `level`, `type` (KADID's number; missing for a distortion
    that is none of the 25), `seed` (of the distortion; missing for pictures that were not made here), `group`, `split` and
    `database` where the manifest has them, and one of scores for each measure, in its own direction.

    Args:
        names: all of them, in order.
        measures: those that are scores.
        gaps: those in which cells can be missing.
    """

    names: tuple[str, ...]
    measures: tuple[str, ...]
    gaps: tuple[str, ...]

    @classmethod
    def of(cls, task: Task, measures: Sequence[str]) -> Columns:
        """Those of a task."""
        optional = [name for name in ("split", "database") if name in task.table]
        names = ("image", "reference", "distortion", "level", "type", "seed", "group", *optional, *measures)
        drawn = isinstance(task.references[0].versions, Pristine)
        gaps = [name for name in optional if task.table[name].isna().any()]
        return cls(names, tuple(measures), (*(() if drawn else ("type", "seed")), *gaps))

    def table(self, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Rows as a table, each column of its own type whatever it holds."""
        types = dict.fromkeys(TEXTS, "object") | dict.fromkeys(INTEGERS, "Int64")
        return pd.DataFrame(
            {name: pd.Series([row[name] for row in rows], dtype=types.get(name, "float64")) for name in self.names}
        )

    def features(self) -> tuple[Feature, ...]:
        """What records of such rows hold; the same for every shard, whatever its rows lack."""
        row = dict.fromkeys(self.names, 0) | dict.fromkeys(TEXTS, "") | dict.fromkeys(self.gaps)
        return schema_of(self.table([row]))
