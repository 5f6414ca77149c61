"""The file `shards.json`: which shards make a packed manifest, and what tells that none of it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfiqa.pipelines.records.documents import read_document, write_document
from tfiqa.score_scale import ScoreScale

SHARDS_FILE = "shards.json"
PROBLEMS_SHOWN = 3


@dataclass(frozen=True)
class Shard:
    """One TFRecord file.

    Args:
        file: its name in the folder.
        rows: records in it.
        bytes: its size.
        sha256: of its content, in hexadecimal.
    """

    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ShardList:
    """What a packed folder holds.

    Args:
        tfiqa: the version that packed it.
        source: the manifest's file name, or None for one that was only in memory.
        database: the one name in the manifest's column `database`, or None.
        scale: what the scores mean.
        rows: pictures.
        skipped: rows of the manifest that were left out because their pictures are bad.
        shuffle: the seed of the order in which the rows were written, or None for the manifest's order.
        schema_sha256: of the schema's file.
        manifest_sha256: `columns.table_digest` of the manifest.
        shards: the files, in the order of writing.
    """

    tfiqa: str
    source: str | None
    database: str | None
    scale: ScoreScale
    rows: int
    skipped: int
    shuffle: int | None
    schema_sha256: str
    manifest_sha256: str
    shards: tuple[Shard, ...]

    def write(self, folder: Path) -> None:
        """Writes the file into a folder that is still being made."""
        write_document(folder / SHARDS_FILE, {**asdict(self), "scale": self.scale.to_dict()})


def read_shard_list(folder: Path) -> ShardList:
    """The list that `ShardList.write` wrote. Raises DatabaseLayoutError."""
    return read_document(folder / SHARDS_FILE, _shard_list)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_problem(folder: Path, shard: Shard) -> str | None:
    """What is wrong with a shard's file as far as its size tells, or None."""
    try:
        size = (folder / shard.file).stat().st_size
    except OSError as error:
        return f"{shard.file} cannot be read: {error.strerror or error}"
    return None if size == shard.bytes else f"{shard.file} has {size} bytes instead of {shard.bytes}"


def content_problem(folder: Path, shard: Shard) -> str | None:
    """What is wrong with a shard's file, read in full, or None."""
    problem = size_problem(folder, shard)
    if problem:
        return problem
    try:
        same = file_sha256(folder / shard.file) == shard.sha256
    except OSError as error:
        return f"{shard.file} cannot be read: {error.strerror or error}"
    return None if same else f"{shard.file} has another SHA-256"


def damage(folder: Path, problems: Sequence[str]) -> str:
    """One line of all the problems, the first ones in words."""
    more = " ..." if len(problems) > PROBLEMS_SHOWN else ""
    count = "1 shard is" if len(problems) == 1 else f"{len(problems)} shards are"
    return f"{folder}: {count} damaged or missing: {'; '.join(problems[:PROBLEMS_SHOWN])}{more}"


def _shard_list(document: dict[str, Any]) -> ShardList:
    values = {key: value for key, value in document.items() if key not in ("format", "version")}
    scale = ScoreScale.from_dict(values.pop("scale"))
    shards = tuple(Shard(**shard) for shard in values.pop("shards"))
    if sum(shard.rows for shard in shards) != values["rows"]:
        raise ValueError("the shards' rows do not add up")
    return ShardList(**values, scale=scale, shards=shards)
