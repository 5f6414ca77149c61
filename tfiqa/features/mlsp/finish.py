"""From finished shards to a folder of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfiqa.features.mlsp.content import MLSP
from tfiqa.features.mlsp.shard_work import MlspWork
from tfiqa.features.plan import Plan
from tfiqa.features.shards import Part, write_failures, write_shard_list
from tfiqa.pipelines.records.schema import write_schema
from tfiqa.pipelines.records.shard_list import ShardList
from tfiqa.score_scale import ScoreScale


@dataclass(frozen=True)
class Finished:
    """A finished folder.

    Args:
        shard_list: what it holds.
        failures: one row a picture that failed: picture, error.
        seconds: that this run's workers took, by part of the work; see `shard_work.PARTS`.
    """

    shard_list: ShardList
    failures: pd.DataFrame
    seconds: dict[str, float]


def finish(plan: Plan, works: Sequence[MlspWork], scale: ScoreScale, seconds: dict[str, float]) -> Finished:
    """Writes what belongs beside the shards, `shards.json` last. Repeating it changes nothing.

    Raises:
        InvalidInput: there are no features at all; the failures are written nevertheless.
        StorageError: the system refuses.
    """
    folder = Path(works[0].folder)
    parts = [Part.read(work.part) for work in works]
    failures = write_failures(folder, parts, "used")
    table = pd.concat([work.table for work in works], ignore_index=True)
    table = table.iloc[[row for part in parts for row in part.rows]].reset_index(drop=True)
    write_schema(folder, works[0].features, **{MLSP: works[0].content.to_dict()})
    return Finished(write_shard_list(folder, plan, parts, table, scale), failures, seconds)
