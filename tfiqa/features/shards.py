"""The unit of work: what becomes one shard, and the part that says that it is finished."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tfiqa.databases.table_file import write_table
from tfiqa.errors import InvalidInput
from tfiqa.features.plan import Plan
from tfiqa.files import storage_errors, write_text
from tfiqa.pipelines.records.columns import database_of, table_digest
from tfiqa.pipelines.records.schema import SCHEMA_FILE
from tfiqa.pipelines.records.shard_list import SHARDS_FILE, Shard, ShardList, file_sha256, size_problem
from tfiqa.score_scale import ScoreScale

PARTS_FOLDER = "parts"
FAILURES_FILE = "failures.csv"


@dataclass(frozen=True)
class ShardWork:
    """What every shard needs; `len` of it is its number of records, when nothing fails.

    Args:
        folder: of the result.
        number: of the shard, from 0.
        file: the shard's.
        first_row: of its records.
    """

    folder: str
    number: int
    file: str
    first_row: int

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def part(self) -> Path:
        """The file that says that the shard is finished."""
        return Path(self.folder) / PARTS_FOLDER / f"{self.number:05}.json"


@dataclass(frozen=True)
class ShardDone:
    """What a worker reports.

    Args:
        records: written.
        failures: pictures that failed.
        seconds: by part of the work.
    """

    records: int
    failures: int
    seconds: dict[str, float]


@dataclass(frozen=True)
class Part:
    """What a finished shard holds.

    Args:
        shard: its file.
        rows: one entry a record: what is needed of it in the end.
        failures: (picture, error) of what it lacks.
    """

    shard: Shard
    rows: list[Any]
    failures: list[tuple[str, str]]

    def write(self, path: Path) -> None:
        """Writes it whole or not at all; numbers read back exactly."""
        write_text(path, json.dumps(asdict(self), allow_nan=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Part:
        """What `write` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            Shard(**values["shard"]), values["rows"], [(picture, error) for picture, error in values["failures"]]
        )


def finished_part(work: ShardWork) -> Part | None:
    """The part of a shard that is finished and still there, else None.

    One without any record is not finished: what made all of it fail, such as a disk that was away, may have passed.
    """
    try:
        part = Part.read(work.part)
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or damaged
        return None
    return part if part.rows and not size_problem(Path(work.folder), part.shard) else None


def is_finished(folder: Path) -> bool:
    """Whether nothing is left to do in a folder of shards."""
    return (folder / SHARDS_FILE).exists() and not (folder / PARTS_FOLDER).exists()


def write_failures(folder: Path, parts: Sequence[Part], done: str) -> pd.DataFrame:
    """Writes what failed, or where nothing did removes what an earlier run wrote, and gives it: one row a picture: picture,
    error.

    Raises InvalidInput when there is nothing else; `done` is what should have been done to the pictures.
    """
    failures = pd.DataFrame(
        [row for part in parts for row in part.failures], columns=["picture", "error"], dtype=object
    )
    if len(failures):
        write_table(failures, folder / FAILURES_FILE)
    else:
        with storage_errors(folder / FAILURES_FILE):
            (folder / FAILURES_FILE).unlink(missing_ok=True)
    if not any(part.rows for part in parts):
        picture, error = failures.iloc[0]
        raise InvalidInput(
            f"none of the pictures could be {done} (first: {picture}: {error}); see {folder / FAILURES_FILE}"
        )
    return failures


def write_shard_list(
    folder: Path, plan: Plan, parts: Sequence[Part], table: pd.DataFrame, scale: ScoreScale
) -> ShardList:
    """Writes the list of a folder's shards, whose schema is written already, and gives it.

    Args:
        folder: of the result.
        plan: of the run.
        parts: of all shards.
        table: the columns of all records, in order.
        scale: of the scores.
    """
    shard_list = ShardList(
        tfiqa=plan.packages["tfiqa"],
        source=plan.manifest,
        database=database_of(table),
        scale=scale,
        rows=len(table),
        skipped=plan.pictures - len(table),
        shuffle=None,
        schema_sha256=file_sha256(folder / SCHEMA_FILE),
        manifest_sha256=table_digest(table, scale),
        shards=tuple(part.shard for part in parts),
    )
    shard_list.write(folder)
    return shard_list
