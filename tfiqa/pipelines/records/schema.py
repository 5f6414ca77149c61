"""The features of a packed manifest, and the file `schema.json` that names them.

Every feature holds exactly one value in every record, so that `tf.io.FixedLenFeature([], dtype)` parses each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfiqa.errors import ManifestError
from tfiqa.pipelines.records.documents import read_document, write_document

SCHEMA_FILE = "schema.json"
ROW = "image/row"
PATH = "image/path"
ENCODED = "image/encoded"
FORMAT = "image/format"
WIDTH = "image/width"
HEIGHT = "image/height"
SHA256 = "image/sha256"

# What the values of each kind are; written into the file for whoever reads it without tfiqa.
KINDS = {
    "encoded": "the picture file's bytes, unchanged",
    "path": "the picture's key: its path relative to the folder that holds all pictures, '/' between parts, UTF-8",
    "format": "jpeg, png, gif, bmp, webp or tiff",
    "width": "pixels, after the EXIF orientation is applied",
    "height": "pixels, after the EXIF orientation is applied",
    "sha256": "of image/encoded, in hexadecimal",
    "file_sha256": "of the picture file's bytes, in hexadecimal",
    "mlsp": "MLSP features; what is under 'mlsp' tells their number and meaning",
    "row": "the row's place in the manifest, from 0; where rows were left out, numbers can be missing",
    "text": "UTF-8 text; empty where the cell is missing",
    "integer": "a whole number; 0 where the cell is missing",
    "boolean": "0 or 1; 0 where the cell is missing",
    "number": "the float32 nearest to the column's number; NaN where the cell is missing",
    "exact": "the column's number in full: an IEEE double, 8 bytes, little-endian (tf.io.decode_raw to float64)",
    "missing": "1 where the cell is missing; without such a feature, none of the column's cells is",
}
DTYPES = {"text": "bytes", "path": "bytes", "integer": "int64", "boolean": "int64", "number": "float32"}


@dataclass(frozen=True)
class Feature:
    """One feature of every record.

    Args:
        name: its key in the `tf.train.Example`.
        dtype: "bytes", "int64" or "float32", the three that an Example has.
        kind: one of KINDS.
        column: the manifest's column that it carries, or None.
        column_dtype: the column's pandas type, for the feature that holds its value; else None.
    """

    name: str
    dtype: str
    kind: str
    column: str | None = None
    column_dtype: str | None = None


PICTURE_FEATURES = (
    Feature(ENCODED, "bytes", "encoded"),
    Feature(FORMAT, "bytes", "format"),
    Feature(WIDTH, "int64", "width"),
    Feature(HEIGHT, "int64", "height"),
    Feature(SHA256, "bytes", "sha256"),
    Feature(ROW, "int64", "row"),
)


def schema_of(table: pd.DataFrame, pictures: Sequence[Feature] = PICTURE_FEATURES) -> tuple[Feature, ...]:
    """The features that hold the pictures and columns of a manifest's table, the columns in their order.

    `pictures` are those that do not come from the table.

    A column of numbers becomes `<column>` (float32) and `<column>/exact`; one of text, whole numbers or truth values
    becomes `<column>`, with `<column>/missing` where any cell is missing. The column `image` becomes `image/path`.

    Raises:
        ManifestError: a column holds something else, such as dates, or would take the name of another feature.
    """
    features = [*pictures]
    for name in table.columns:
        features += _column_features(table[name])
    name, count = Counter(feature.name for feature in features).most_common(1)[0]
    if count > 1:
        raise ManifestError(f"cannot pack the manifest: two features would be named {name!r}; rename the column")
    return tuple(features)


def write_schema(folder: Path, features: tuple[Feature, ...], **more: Any) -> None:
    """Writes the schema's file into a folder that is still being made; `more` is what else a reader must know."""
    used = {feature.kind for feature in features}
    kinds = {kind: meaning for kind, meaning in KINDS.items() if kind in used}
    described = [{**asdict(feature), "shape": []} for feature in features]
    write_document(folder / SCHEMA_FILE, {"features": described, "kinds": kinds, **more})


def read_schema(folder: Path) -> tuple[Feature, ...]:
    """The features that `write_schema` wrote. Raises DatabaseLayoutError."""
    return read_document(
        folder / SCHEMA_FILE,
        lambda document: tuple(
            Feature(**{key: value for key, value in entry.items() if key != "shape"}) for entry in document["features"]
        ),
    )


def _column_features(column: pd.Series) -> list[Feature]:
    name, kind, dtype = str(column.name), _kind(column), str(column.dtype)
    if name == "image":
        return [Feature(PATH, "bytes", "path", name, dtype)]
    features = [Feature(name, DTYPES[kind], kind, name, dtype)]
    if kind == "number":
        features.append(Feature(f"{name}/exact", "bytes", "exact", name))
    elif column.isna().any():
        features.append(Feature(f"{name}/missing", "int64", "missing", name))
    return features


def _kind(column: pd.Series) -> str:
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype) and not (column > np.iinfo(np.int64).max).any():
        return "integer"
    if pd.api.types.is_float_dtype(dtype) and dtype != np.longdouble:
        return "number"
    is_text = isinstance(dtype, pd.StringDtype) or pd.api.types.is_object_dtype(dtype)
    if is_text and all(isinstance(cell, str) for cell in column[column.notna()]):
        return "text"
    raise ManifestError(
        f"cannot pack column {column.name!r} of type {dtype}: its cells must be text, truth values, or numbers that "
        "64 bits hold"
    )
