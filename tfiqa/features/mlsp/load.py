"""Stored MLSP features back into arrays, or as a stream."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.reader import Progress
from tfiqa.errors import DatabaseLayoutError, InvalidInput
from tfiqa.features.mlsp.content import MLSP, MODEL_FILE, MlspContent
from tfiqa.features.plan import PLAN_FILE
from tfiqa.features.shards import is_finished
from tfiqa.pipelines.records.reader import Records, read_records
from tfiqa.pipelines.records.schema import ROW
from tfiqa.pipelines.records.shard_list import SHARDS_FILE, file_sha256

ROWS_AT_ONCE = 64  # that go from TensorFlow to NumPy together; 2 MB of 16,928 float16


@dataclass(frozen=True, eq=False)
class MlspFeatures:
    """The MLSP features of pictures; `load_mlsp` reads them.

    Args:
        features: (N, V, F), float16 or float32 as stored: pictures, views, features in the order of the body's MLSP_TAPS.
        manifest: the N pictures' rows, without those that failed, with picture keys for paths and what the scores mean.
        views: the V views' names; ("whole",) where there is only the picture.
        model: the file of the model that they were made with, in their folder.
        model_sha256: of that file: features of equal models can be mixed.
        pictures: one row a picture: path (the key), format, width, height, sha256 (of the file).
        precision: "float32" or "bfloat16", that the body computed in.
    """

    features: NDArray[np.float16] | NDArray[np.float32]
    manifest: Manifest
    views: tuple[str, ...]
    model: Path
    model_sha256: str
    pictures: pd.DataFrame
    precision: str

    def __len__(self) -> int:
        return len(self.features)

    def dataset(
        self, columns: Sequence[str] | None = None, *, batch_size: int | None = None, shuffle_files: int | None = None
    ) -> tf.data.Dataset:
        """`mlsp_dataset` of the folder: a stream from its files, not from `features`."""
        return mlsp_dataset(self.model.parent, columns, batch_size=batch_size, shuffle_files=shuffle_files)


def load_mlsp(folder: str | os.PathLike[str], *, progress: Progress | None = None) -> MlspFeatures:
    """All features of a folder that `tfiqa extract mlsp` wrote. Memory holds them once, and little more.

    Args:
        folder: it.
        progress: called with (done, all) pictures.

    Raises:
        DatabaseLayoutError: it is no such folder or not finished, shards are missing or cut short, or the model's file is
            missing or another one.
        InvalidInput: a record is damaged, missing or there twice.
    """
    records, content = _open(Path(folder))
    model = records.folder / MODEL_FILE
    try:
        if file_sha256(model) != content.model_sha256:
            raise DatabaseLayoutError(
                f"{model} is not the model that the features were made with: it has another SHA-256"
            )
    except OSError as error:
        raise DatabaseLayoutError(f"cannot read {model}: {error.strerror or error}") from error
    manifest, pictures = records.manifest(), records.pictures()
    features = np.empty((len(records), *content.shape), content.dtype)
    done, last = 0, -1
    with records.errors():
        for batch in _stream(records, content, []).batch(ROWS_AT_ONCE).as_numpy_iterator():
            features[done : done + len(batch[ROW])] = batch[MLSP]
            if (np.diff(batch[ROW], prepend=last) < 1).any():
                raise InvalidInput(f"{records.folder}: rows are not in the manifest's order")
            done, last = done + len(batch[ROW]), batch[ROW][-1]
            if progress:
                progress(done, len(records))
    return MlspFeatures(features, manifest, content.views, model, content.model_sha256, pictures, content.precision)


def mlsp_dataset(
    folder: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    *,
    batch_size: int | None = None,
    shuffle_files: int | None = None,
) -> tf.data.Dataset:
    """The features of a folder as a stream that does not hold them all.

    Args:
        folder: that `tfiqa extract mlsp` wrote.
        columns: of the manifest; None for all.
        batch_size: pictures in a batch, the last one may be smaller; None gives single pictures.
        shuffle_files: seed of an order drawn for the shards, which then are read side by side. None keeps the manifest's.

    Returns:
        A dataset of dictionaries: `mlsp`, float32 (V, F); `image/path`, `image/row` and the columns, scalars as
        `pipelines.records.reader.Records.dataset` gives them.

    Raises:
        DatabaseLayoutError: as `load_mlsp`.
        UnknownName: a column that the manifest lacks.
    """
    records, content = _open(Path(folder))
    dataset = _stream(records, content, columns, shuffle_files, tf.float32)
    return dataset if batch_size is None else dataset.batch(batch_size)


def _open(folder: Path) -> tuple[Records, MlspContent]:
    if (folder / PLAN_FILE).exists() and not is_finished(folder):
        raise DatabaseLayoutError(f"{folder} is not finished; `tfiqa extract` with --resume finishes it")
    if not (folder / SHARDS_FILE).exists():
        raise DatabaseLayoutError(f"{folder} is no folder of `tfiqa extract mlsp`: it has no {SHARDS_FILE}")
    content = MlspContent.read(folder)
    return read_records(folder), content


def _stream(
    records: Records,
    content: MlspContent,
    columns: Sequence[str] | None,
    shuffle_files: int | None = None,
    dtype: tf.DType | None = None,
) -> tf.data.Dataset:
    stored = tf.as_dtype(content.dtype)

    def features(raw: tf.Tensor, _: tf.Tensor) -> dict[str, tf.Tensor]:
        values = tf.reshape(tf.io.decode_raw(raw, stored, little_endian=True), content.shape)
        return {MLSP: tf.cast(values, dtype or stored)}

    return records.stream(MLSP, features, columns, shuffle_files=shuffle_files)
