"""The unit of work: some references, whose labels become one shard and the part that says so."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfiqa.features.weak_labels.references import Reference
from tfiqa.features.weak_labels.settings import Settings
from tfiqa.features.weak_labels.table import Columns
from tfiqa.files import write_text
from tfiqa.pipelines.records.shard_list import Shard, size_problem

PARTS_FOLDER = "parts"


@dataclass(frozen=True)
class ShardWork:
    """What one shard needs.

    Args:
        folder: of the result.
        number: of the shard, from 0.
        file: the shard's.
        first_row: of its records.
        references: whose versions it holds.
        settings: how they are made.
        columns: what is written of them.
    """

    folder: str
    number: int
    file: str
    first_row: int
    references: tuple[Reference, ...]
    settings: Settings
    columns: Columns

    def __len__(self) -> int:
        """Records, when nothing fails."""
        return sum(map(len, self.references))

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
        seconds: by part of the work, see `clock.PARTS`.
    """

    records: int
    failures: int
    seconds: dict[str, float]


@dataclass(frozen=True)
class Part:
    """What a finished shard holds.

    Args:
        shard: its file.
        rows: its records without the pictures, cells in the order of the columns.
        failures: (picture, error) of what it lacks.
    """

    shard: Shard
    rows: list[list[Any]]
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
