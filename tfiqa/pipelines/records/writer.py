"""Packing a manifest: its pictures and columns into TFRecord shards, written in parallel, whole or not at all."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from threading import Event, Lock

import pandas as pd

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.reader import Progress
from tfiqa.errors import BrokenPicture, InvalidInput
from tfiqa.files import whole_folder
from tfiqa.images.picture_file import read_picture_file
from tfiqa.pipelines.records.columns import Values, database_of, feature_values, table_digest
from tfiqa.pipelines.records.examples import example_bytes, picture_values
from tfiqa.pipelines.records.schema import ROW, SCHEMA_FILE, SHA256, schema_of, write_schema
from tfiqa.pipelines.records.shard_file import write_records
from tfiqa.pipelines.records.shard_list import Shard, ShardList, file_sha256
from tfiqa.pipelines.records.sources import SourcePicture, look_at_pictures, with_keys

DEFAULT_SHARD_BYTES = 128_000_000  # large enough to be read in one go from any disk, small enough to be copied again
PROBLEMS_SHOWN = 3


@dataclass(frozen=True)
class PackResult:
    """What was packed.

    Args:
        folder: the new folder.
        shard_list: what it holds.
        skipped: "path: reason" of each picture that was left out.
    """

    folder: Path
    shard_list: ShardList
    skipped: list[str]


def pack_records(
    manifest: Manifest,
    folder: str | os.PathLike[str],
    *,
    shards: int | None = None,
    shard_bytes: int = DEFAULT_SHARD_BYTES,
    shuffle: int | None = None,
    skip_bad: bool = False,
    verify: bool = False,
    workers: int | None = None,
    look_progress: Progress | None = None,
    progress: Progress | None = None,
) -> PackResult:
    """Packs a manifest and its pictures into a new folder (see the package), which appears whole or not at all.

    The shards hold consecutive rows and as many, to one. Their bytes depend on the manifest, the pictures and these
    arguments except `workers` alone. Memory holds the table and, for each worker, one picture.

    Args:
        manifest: what to pack; a score is not needed.
        folder: must not exist. The shards' names begin as the manifest's file does.
        shards: how many; None for as many as make the mean size of a shard `shard_bytes` at most.
        shard_bytes: see `shards`.
        shuffle: seed of an order drawn for the rows; None writes them in the manifest's order. The order is that of
            SHA-256 of seed and row, which no version of a random generator changes.
        skip_bad: leave out rows whose pictures are missing or no pictures, instead of refusing.
        verify: decode every picture fully; without, its header is read.
        workers: threads, each writing a shard; by default one for each processor.
        look_progress: called with (done, all) while the pictures are looked at.
        progress: called with (done, all) while they are packed, by one thread at a time.

    Raises:
        InvalidInput: pictures cannot be used (without `skip_bad`; with it, none can), or there are more shards than rows.
        ManifestError: a column holds what records cannot; see `schema_of`.
        PictureError: a picture changed while it was packed.
        StorageError: the folder exists, or the system refuses.
    """
    folder = Path(folder)
    workers = workers or os.cpu_count() or 1
    if (shards is not None and shards < 1) or shard_bytes < 1:
        raise InvalidInput(f"shards and their bytes are counted from 1. Received: {shards} and {shard_bytes}")
    with whole_folder(folder) as temporary:
        table = with_keys(manifest)
        pictures = look_at_pictures(manifest, decode=verify, workers=workers, progress=look_progress)
        skipped = [picture.error for picture in pictures if picture.error]
        if skipped and (len(skipped) == len(pictures) or not skip_bad):
            raise InvalidInput(_refusal(skipped, len(pictures)))
        table = table[[picture.error is None for picture in pictures]].reset_index(drop=True)
        pictures = [picture for picture in pictures if picture.error is None]
        if shards is None:
            shards = min(len(table), math.ceil(sum(picture.bytes for picture in pictures) / shard_bytes))
        if shards > len(table):
            raise InvalidInput(f"{len(table)} pictures fill no {shards} shards; ask for {len(table)} at most")
        packing = _Packing(table, pictures, progress)
        write_schema(temporary, packing.features)
        stem = manifest.path.stem if manifest.path else "records"
        written = packing.write(temporary, stem, _divided(order_of_rows(len(table), shuffle), shards), workers)
        listed = ShardList(
            tfiqa=metadata.version("tfiqa"),
            source=manifest.path.name if manifest.path else None,
            database=database_of(table),
            scale=manifest.scale,
            rows=len(table),
            skipped=len(skipped),
            shuffle=shuffle,
            schema_sha256=file_sha256(temporary / SCHEMA_FILE),
            manifest_sha256=table_digest(table, manifest.scale),
            shards=written,
        )
        listed.write(temporary)
    return PackResult(folder, listed, skipped)


class _Packing:
    """Rows on their way into shards."""

    def __init__(self, table: pd.DataFrame, pictures: Sequence[SourcePicture], progress: Progress | None) -> None:
        self.features = schema_of(table)
        self._columns: Mapping[str, Values] = feature_values(table, self.features)
        self._pictures = pictures
        self._progress = progress
        self._done = 0
        self._lock = Lock()
        self._stopped = Event()

    def write(self, folder: Path, stem: str, shards: Sequence[Sequence[int]], workers: int) -> tuple[Shard, ...]:
        """Writes the rows of each shard; the first failure, or Ctrl-C, ends all of them at their next picture."""
        names = [f"{stem}-{place:05d}-of-{len(shards):05d}.tfrecord" for place in range(len(shards))]
        with ThreadPoolExecutor(workers) as pool:
            tasks = [
                pool.submit(self._write_shard, folder / name, rows) for name, rows in zip(names, shards, strict=True)
            ]
            try:
                for task in as_completed(tasks):
                    task.result()
            except BaseException:
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
        return tuple(task.result() for task in tasks)

    def _write_shard(self, path: Path, rows: Sequence[int]) -> Shard:
        return write_records(path, map(self._next_record, rows))

    def _next_record(self, row: int) -> bytes:
        if self._stopped.is_set():
            raise CancelledError  # nobody looks at it: another error is on its way
        record = self._record(row)
        self._count()
        return record

    def _record(self, row: int) -> bytes:
        source = self._pictures[row]
        data = read_picture_file(source.path, str(source.path))
        picture = picture_values(data, str(source.path))
        if source.sha256 and source.sha256.encode() != picture[SHA256]:
            raise BrokenPicture(str(source.path), "changed while it was packed")
        columns = {name: values[row] for name, values in self._columns.items()}
        return example_bytes(self.features, {**columns, **picture, ROW: row})

    def _count(self) -> None:
        with self._lock:
            self._done += 1
            if self._progress:
                self._progress(self._done, len(self._pictures))


def _refusal(errors: Sequence[str], pictures: int) -> str:
    more = " ..." if len(errors) > PROBLEMS_SHOWN else ""
    hint = " (--skip-bad leaves them out)" if len(errors) < pictures else ""
    return f"{len(errors)} of {pictures} pictures cannot be packed: {'; '.join(errors[:PROBLEMS_SHOWN])}{more}{hint}"


def order_of_rows(rows: int, seed: int | None) -> Sequence[int]:
    """The manifest's rows in the order in which they are written; `seed` is that of `shuffle`."""
    if seed is None:
        return range(rows)
    return sorted(range(rows), key=lambda row: hashlib.sha256(f"{seed}\n{row}".encode()).digest())


def _divided(rows: Sequence[int], parts: int) -> list[Sequence[int]]:
    bounds = [len(rows) * part // parts for part in range(parts + 1)]
    return [rows[start:stop] for start, stop in pairwise(bounds)]
