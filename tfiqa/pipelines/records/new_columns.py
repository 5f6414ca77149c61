"""A packed folder with other columns beside the same pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.reader import Progress
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.files import whole_folder
from tfiqa.pipelines.records.columns import database_of, feature_values, table_digest
from tfiqa.pipelines.records.examples import LISTS, example_bytes
from tfiqa.pipelines.records.reader import Records
from tfiqa.pipelines.records.schema import ENCODED, PATH, SCHEMA_FILE, Feature, schema_of, write_schema
from tfiqa.pipelines.records.shard_file import write_records
from tfiqa.pipelines.records.shard_list import Shard, ShardList, file_sha256
from tfiqa.pipelines.records.writer import order_of_rows


def repack(
    records: Records, manifest: Manifest, folder: str | os.PathLike[str], progress: Progress | None = None
) -> ShardList:
    """Writes a new folder with the pictures of a packed one and the columns and scale of a manifest.

    Shards, their names and order stay; memory holds the table and one record.

    Args:
        records: the packed folder.
        manifest: its rows, in order, as `records.manifest` gives them, with any columns.
        folder: must not exist; appears whole or not at all.
        progress: called with (done, all).

    Raises ManifestError for other rows, or a column that records cannot hold; InvalidInput for a damaged record;
    DatabaseLayoutError for a folder of features in place of pictures; StorageError when the folder exists or the system
    refuses.
    """
    table = manifest.table
    if ENCODED not in records.feature_spec():
        raise DatabaseLayoutError(f"{records.folder} holds no pictures")
    if len(table) != len(records):
        raise ManifestError(f"{manifest.name}: {len(table)} rows are not the {len(records)} of {records.folder}")
    pictures = [feature for feature in records.features if feature.column is None]
    features = schema_of(table, pictures)
    columns = feature_values(table, features)
    rows = iter(order_of_rows(len(table), records.shard_list.shuffle))
    done = 0

    def changed(shard: Shard) -> Iterator[bytes]:
        nonlocal done
        for record in tf.data.TFRecordDataset(str(records.folder / shard.file)).as_numpy_iterator():
            row = next(rows)
            found = tf.train.Example.FromString(record).features.feature
            cells = {name: values[row] for name, values in columns.items()}
            if found[PATH].bytes_list.value[0] != cells[PATH]:
                raise ManifestError(f"{manifest.name}: its rows are not those of {records.folder}")
            yield example_bytes(features, {**_values(found, pictures), **cells})
            done += 1
            if progress:
                progress(done, len(table))

    with whole_folder(folder) as temporary, records.errors():
        write_schema(temporary, features)
        written = tuple(write_records(temporary / shard.file, changed(shard)) for shard in records.shards)
        listed = replace(
            records.shard_list,
            database=database_of(table),
            scale=manifest.scale,
            schema_sha256=file_sha256(temporary / SCHEMA_FILE),
            manifest_sha256=table_digest(table, manifest.scale),
            shards=written,
        )
        listed.write(Path(temporary))
    return listed


def _values(found: Mapping[str, Any], features: Sequence[Feature]) -> dict[str, object]:
    return {feature.name: getattr(found[feature.name], LISTS[feature.dtype]).value[0] for feature in features}
