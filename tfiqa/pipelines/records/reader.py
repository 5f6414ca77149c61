"""A packed folder back as the manifest it was made of, and as a `tf.data.Dataset`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.reader import Progress
from tfiqa.errors import DatabaseLayoutError, InvalidInput, UnknownName
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.images.decode_graph import decode_any_graph
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.records.columns import Values, table_digest, table_of
from tfiqa.pipelines.records.schema import (
    ENCODED,
    FORMAT,
    HEIGHT,
    PATH,
    ROW,
    SCHEMA_FILE,
    SHA256,
    WIDTH,
    Feature,
    read_schema,
)
from tfiqa.pipelines.records.shard_list import (
    Shard,
    ShardList,
    content_problem,
    damage,
    file_sha256,
    read_shard_list,
    size_problem,
)
from tfiqa.registry import unknown_name
from tfiqa.score_scale import ScoreScale

DTYPES = {"bytes": tf.string, "int64": tf.int64, "float32": tf.float32}
# Shards that are read side by side where the order is free. Fixed, since an order must not depend on the machine.
SHARDS_AT_ONCE = 8
ROWS_AT_ONCE = 1024  # rows without their pictures that go from TensorFlow to NumPy together
# What TensorFlow puts around its messages: graph nodes, the iterator, the operation.
TF_DECORATION = re.compile(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*|.*Iterator::\S+: ", re.DOTALL)


def read_records(folder: str | os.PathLike[str]) -> Records:
    """Opens a folder that `pack_records` wrote: reads its schema and list of shards, and sees that each shard has its size.

    Raises:
        DatabaseLayoutError: it is no such folder, of another version, its schema was changed, or shards are missing or
            cut short.
    """
    folder = Path(folder)
    records = Records(folder, read_schema(folder), read_shard_list(folder))
    if file_sha256(folder / SCHEMA_FILE) != records.shard_list.schema_sha256:
        raise DatabaseLayoutError(f"{folder / SCHEMA_FILE} is not as it was packed: it has another SHA-256")
    problems = [problem for shard in records.shards if (problem := size_problem(folder, shard))]
    if problems:
        raise DatabaseLayoutError(damage(folder, problems))
    return records


@dataclass(frozen=True)
class Records:
    """A packed manifest; `read_records` opens one.

    Args:
        folder: where it is.
        features: what each record holds.
        shard_list: its shards and what was noted while packing.
    """

    folder: Path
    features: tuple[Feature, ...]
    shard_list: ShardList

    def __len__(self) -> int:
        return self.shard_list.rows

    @property
    def scale(self) -> ScoreScale:
        """What the scores mean."""
        return self.shard_list.scale

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The TFRecord files in the order of writing."""
        return self.shard_list.shards

    def feature_spec(self) -> dict[str, tf.io.FixedLenFeature]:
        """What `tf.io.parse_single_example` takes to parse every feature of a record."""
        return {feature.name: tf.io.FixedLenFeature([], DTYPES[feature.dtype]) for feature in self.features}

    def manifest(self, progress: Progress | None = None) -> Manifest:
        """The manifest that was packed: its columns, types, cells and order, with picture keys for paths.

        Every record is read, and the result compared with the manifest's SHA-256. `progress` is called with (done, all).

        Raises InvalidInput when anything is not as it was packed.
        """
        carried = [feature for feature in self.features if feature.column]
        values = self._values([feature.name for feature in carried if feature.kind != "number"], progress)
        table = table_of(values, carried)
        if table_digest(table, self.scale) != self.shard_list.manifest_sha256:
            raise InvalidInput(
                f"{self.folder}: its rows are not those that were packed (the manifest's SHA-256 differs)"
            )
        return Manifest(table, None, self.scale)

    def pictures(self, progress: Progress | None = None) -> pd.DataFrame:
        """One row a picture, in the manifest's order: path (the key), format, width, height, sha256.

        Raises InvalidInput as `manifest` does.
        """
        values = self._values([PATH, FORMAT, WIDTH, HEIGHT, SHA256], progress)
        texts = {name: [os.fsdecode(cell) for cell in values[name]] for name in (PATH, FORMAT, SHA256)}
        return pd.DataFrame(
            {
                "path": texts[PATH],
                "format": texts[FORMAT],
                "width": values[WIDTH],
                "height": values[HEIGHT],
                "sha256": texts[SHA256],
            }
        )

    def dataset(
        self,
        columns: Sequence[str] | None = None,
        *,
        decode: bool = True,
        shuffle_files: int | None = None,
        deterministic: bool = True,
        allow_pillow: bool = True,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> tf.data.Dataset:
        """The rows as a dataset of dictionaries, one a picture.

        Iterate it inside `with records.errors():`, which tells damage in one line.

        Args:
            columns: of the manifest, `image` needs no mention; None for all.
            decode: whether pictures are decoded.
            shuffle_files: seed of an order drawn for the shards, which then are read side by side. None reads them in
                the order of writing: the manifest's, unless it was packed shuffled.
            deterministic: False lets rows come in whatever order is fastest, from shards read side by side.
            allow_pillow: whether pictures beyond TensorFlow's decoders (CMYK JPEG, TIFF ...) go to Pillow, by a Python
                function in the graph; else they are errors.
            max_pixels: larger pictures are errors.

        Returns:
            A dataset of known size. `image`: uint8 (H,W,3), RGB, upright; or the encoded bytes, a scalar string.
            `image/path`: the key. `image/row`: int64, the manifest's row. Each column but `image`: a scalar, float64
            for numbers (exactly the manifest's, NaN where missing), int64 for whole numbers, bool, or string; with
            `<column>/missing`, bool, where the schema has such a feature.

        Raises:
            UnknownName: a column that the manifest lacks.
        """

        def picture(encoded: tf.Tensor, path: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"image": decode_any_graph(encoded, path, allow_pillow, max_pixels) if decode else encoded}

        return self.stream(ENCODED, picture, columns, shuffle_files=shuffle_files, deterministic=deterministic)

    def stream(
        self,
        name: str,
        read: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]],
        columns: Sequence[str] | None = None,
        *,
        shuffle_files: int | None = None,
        deterministic: bool = True,
    ) -> tf.data.Dataset:
        """What `dataset` gives, with another feature in the picture's place.

        Args:
            name: of the feature.
            read: called in the graph with a record's value of it and its picture's key, for what takes the place of `image`.
            columns, shuffle_files, deterministic: as in `dataset`.

        Raises:
            DatabaseLayoutError: the records have no such feature.
            UnknownName: a column that the manifest lacks.
        """
        if name not in self.feature_spec():
            raise DatabaseLayoutError(f"{self.folder}: its records have no feature {name!r}")
        chosen = self._chosen(columns)
        spec = {key: self.feature_spec()[key] for key in (name, PATH, ROW, *(f.name for f in chosen))}

        @tf.autograph.experimental.do_not_convert
        def row_of(record: tf.Tensor) -> dict[str, tf.Tensor]:
            parsed = tf.io.parse_single_example(record, spec)
            cells = {_key(feature): _cell(parsed[feature.name], feature.kind) for feature in chosen}
            return {**read(parsed[name], parsed[PATH]), PATH: parsed[PATH], ROW: parsed[ROW], **cells}

        files = [shard.file for shard in self.shards]
        if shuffle_files is not None:
            files.sort(key=lambda file: hashlib.sha256(f"{shuffle_files}\n{file}".encode()).digest())
        free = shuffle_files is not None or not deterministic
        options = tf.data.Options()
        options.deterministic = deterministic
        rows = self._records(files, SHARDS_AT_ONCE if free else None).map(row_of, num_parallel_calls=tf.data.AUTOTUNE)
        return rows.apply(tf.data.experimental.assert_cardinality(len(self))).with_options(options)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what TensorFlow says of damaged records, inside the block, into one line of InvalidInput."""
        hint = f"`tfiqa data pack --check {self.folder}` finds the shard"
        try:
            yield
        except tf.errors.DataLossError as error:
            raise InvalidInput(f"{self.folder}: a record is damaged (its checksum is wrong); {hint}") from error
        except tf.errors.OpError as error:
            reason = " ".join(TF_DECORATION.sub(" ", error.message).split())
            raise InvalidInput(f"{self.folder}: a record or its picture cannot be read ({reason})") from error
        except UnicodeDecodeError as error:  # TensorFlow quotes the bytes of what is no Example
            raise InvalidInput(f"{self.folder}: a record is no tf.train.Example; {hint}") from error

    def check(self, *, workers: int | None = None, progress: Progress | None = None) -> None:
        """Verifies the SHA-256 of every shard, in threads, and that the records make the manifest that was packed.

        `progress` is called with (done, all) while the records are read. Raises InvalidInput that names damaged shards.
        """
        found = map_in_order(partial(content_problem, self.folder), self.shards, workers or os.cpu_count() or 1)
        problems = [problem for problem in found if problem]
        if problems:
            raise InvalidInput(damage(self.folder, problems))
        self.manifest(progress)

    def _values(self, names: Sequence[str], progress: Progress | None) -> Mapping[str, Values]:
        """The values of some features, each (rows,), in the order of the manifest's rows."""
        spec = {name: self.feature_spec()[name] for name in (ROW, *names)}
        files = [shard.file for shard in self.shards]
        batches: list[dict[str, NDArray[np.generic]]] = []
        done = 0
        with self.errors():
            parsed = self._records(files, SHARDS_AT_ONCE).map(
                partial(tf.io.parse_single_example, features=spec), num_parallel_calls=tf.data.AUTOTUNE
            )
            for batch in parsed.batch(ROWS_AT_ONCE).as_numpy_iterator():
                batches.append(batch)
                done += len(batch[ROW])
                if progress:
                    progress(done, len(self))
        values = {name: np.concatenate([batch[name] for batch in batches]) for name in spec}
        order = np.argsort(values[ROW])
        rows = values[ROW][order]
        last = len(self) + self.shard_list.skipped  # rows that were left out may have kept their numbers
        if len(rows) != len(self) or (np.diff(rows) < 1).any() or rows[0] < 0 or rows[-1] >= last:
            raise InvalidInput(f"{self.folder}: rows are missing, or there more than once")
        return {name: found[order] for name, found in values.items()}

    def _records(self, files: Sequence[str], at_once: int | None) -> tf.data.Dataset:
        paths = [str(self.folder / file) for file in files]
        return tf.data.TFRecordDataset(paths, num_parallel_reads=min(at_once, len(files)) if at_once else None)

    def _chosen(self, columns: Sequence[str] | None) -> list[Feature]:
        """The features that a dataset of these columns needs, apart from the picture's own."""
        carried = [feature for feature in self.features if feature.column and feature.column != "image"]
        names = list(dict.fromkeys(feature.column for feature in carried if feature.column))
        for column in columns or ():
            if column not in (*names, "image"):
                raise UnknownName(unknown_name("column", column, names))
        wanted = names if columns is None else columns
        return [feature for feature in carried if feature.column in wanted and feature.kind != "number"]


def _key(feature: Feature) -> str:
    return feature.name if feature.kind == "missing" else str(feature.column)


def _cell(value: tf.Tensor, kind: str) -> tf.Tensor:
    if kind == "exact":
        return tf.reshape(tf.io.decode_raw(value, tf.float64, little_endian=True), [])
    return tf.cast(value, tf.bool) if kind in ("boolean", "missing") else value
