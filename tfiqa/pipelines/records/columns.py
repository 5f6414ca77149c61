"""Between a manifest's columns and the values of features, one a record, without losing a bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.pipelines.records.schema import Feature, schema_of
from tfiqa.score_scale import ScoreScale

Values = NDArray[np.generic] | NDArray[np.object_]  # (rows,): int64, float32, or objects that are bytes
DOUBLE = np.dtype("<f8")
UNDECODABLE = "surrogateescape"  # file names need not be UTF-8; Python keeps their odd bytes so


def feature_values(table: pd.DataFrame, features: Sequence[Feature]) -> dict[str, Values]:
    """For each of the features that carries a column its values, (len(table),) int64, float32 or bytes."""
    return {feature.name: _values(table[feature.column], feature.kind) for feature in features if feature.column}


def table_of(values: Mapping[str, Values], features: Sequence[Feature]) -> pd.DataFrame:
    """The table whose `feature_values` these are. A missing cell comes back as its column type's own: NaN or NA."""
    missing = {feature.column: values[feature.name].astype(bool) for feature in features if feature.kind == "missing"}
    return pd.DataFrame(
        {
            feature.column: _column(values, feature, missing.get(feature.column))
            for feature in features
            if feature.column_dtype
        }
    )


def table_digest(table: pd.DataFrame, scale: ScoreScale) -> str:
    """SHA-256, in hexadecimal, over the names and cells of a table in order, and what its scores mean.

    The pandas types of the columns are left out: they may differ between versions of pandas for the same cells.
    """
    digest = hashlib.sha256(json.dumps(scale.to_dict(), sort_keys=True).encode())
    features = [feature for feature in schema_of(table) if feature.column and feature.kind != "number"]
    for feature in features:
        (values,) = feature_values(table, [feature]).values()
        digest.update(json.dumps([feature.name, feature.kind, len(values)]).encode())
        if feature.dtype == "bytes":
            digest.update(np.array([len(value) for value in values], "<i8").tobytes())
            digest.update(b"".join(values))
        else:
            digest.update(values.astype("<i8").tobytes())
    return digest.hexdigest()


def database_of(table: pd.DataFrame) -> str | None:
    """The one name in a table's column `database`, or None."""
    names = table["database"].unique().tolist() if "database" in table else []
    return str(names[0]) if len(names) == 1 and pd.notna(names[0]) else None


def _values(column: pd.Series, kind: str) -> Values:
    if kind == "missing":
        return column.isna().to_numpy(np.int64)
    if kind == "integer":
        return column.to_numpy(np.int64, na_value=0)
    if kind == "boolean":
        return column.to_numpy(np.bool_, na_value=False).astype(np.int64)
    if kind in ("number", "exact"):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        if kind == "exact":
            return _objects([number.tobytes() for number in numbers.astype(DOUBLE)])
        with np.errstate(over="ignore"):  # beyond float32 is infinite; the exact value lies beside it
            return numbers.astype(np.float32)
    missing = column.isna()
    return _objects(
        [b"" if gone else cell.encode(errors=UNDECODABLE) for cell, gone in zip(column, missing, strict=True)]
    )


def _column(values: Mapping[str, Values], feature: Feature, missing: NDArray[np.bool_] | None) -> pd.Series:
    dtype = pd.api.types.pandas_dtype(feature.column_dtype)
    if feature.kind == "number":
        doubles = np.frombuffer(b"".join(values[f"{feature.name}/exact"]), DOUBLE).astype(np.float64)
        return pd.Series(doubles).astype(dtype)
    found = values[feature.name]
    if feature.dtype == "bytes":
        cells = _objects([cell.decode(errors=UNDECODABLE) for cell in found])
        if missing is not None:
            cells[missing] = np.nan
        return pd.Series(cells, dtype=dtype)
    column = pd.Series(found.astype(bool) if feature.kind == "boolean" else found).astype(dtype)
    return column if missing is None else column.mask(missing)


def _objects(cells: Sequence[object]) -> NDArray[np.object_]:
    array = np.empty(len(cells), object)
    array[:] = cells
    return array
