"""From finished shards to a packed folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfiqa.databases.manifest import UNKNOWN_SCALE
from tfiqa.databases.table_file import write_table
from tfiqa.features.plan import Plan
from tfiqa.features.shards import Part, write_failures, write_shard_list
from tfiqa.features.weak_labels.shard_work import LabelWork
from tfiqa.histogram_equalization import HistogramEqualization
from tfiqa.pipelines.records.schema import write_schema
from tfiqa.pipelines.records.shard_list import ShardList

SCORES_FILE = "scores.parquet"
EQUALIZATION_FILE = "equalization.json"


@dataclass(frozen=True)
class Finished:
    """A finished folder.

    Args:
        shard_list: what it holds.
        failures: one row a picture that failed: picture, error.
        equalized: how many records the equalisation was fitted on; 0 where the manifest has splits, but nothing to train on.
        seconds: that this run's workers took, by part of the work; see `shard_work.PARTS`.
    """

    shard_list: ShardList
    failures: pd.DataFrame
    equalized: int
    seconds: dict[str, float]


def finish(plan: Plan, works: Sequence[LabelWork], seconds: dict[str, float]) -> Finished:
    """Writes what belongs beside the shards, `shards.json` last. Repeating it changes nothing.

    Raises:
        InvalidInput: there is no label at all; the failures are written nevertheless.
        StorageError: the system refuses.
    """
    folder, columns = Path(works[0].folder), works[0].columns
    parts = [Part.read(work.part) for work in works]
    failures = write_failures(folder, parts, "labelled")
    rows = [row for part in parts for row in part.rows]
    table = columns.table([dict(zip(columns.names, row, strict=True)) for row in rows])
    write_table(table, folder / SCORES_FILE)
    training = table[table["split"] == "train"] if "split" in table else table
    if len(training):
        from tfiqa.full_reference import higher_is_better  # loads TensorFlow, which nothing before has needed

        directions = higher_is_better(columns.measures)
        HistogramEqualization.fit(training, columns.measures, directions).save(folder / EQUALIZATION_FILE)
    write_schema(folder, columns.features())
    shard_list = write_shard_list(folder, plan, parts, table, UNKNOWN_SCALE)
    return Finished(shard_list, failures, len(training), seconds)
