"""What readers of label files share: bytes, lines of plain text, named columns, MATLAB's variables, numbers."""

from __future__ import annotations

import codecs
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.table_file import parse_numbers, read_table
from tfiqa.errors import DatabaseLayoutError


def read_bytes(path: Path) -> bytes:
    """The whole file. Raises DatabaseLayoutError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatabaseLayoutError(f"cannot read {path}: {error.strerror or error}") from error


def read_fields(path: Path) -> list[list[str]]:
    """The fields of every line that is not blank, split at white space.

    Any byte is taken (as Latin-1), since only the fields that are used have to make sense.

    Raises:
        DatabaseLayoutError: the file cannot be read.
    """
    lines = read_bytes(path).removeprefix(codecs.BOM_UTF8).decode("latin-1").splitlines()
    return [line.split() for line in lines if line.strip()]


def read_variables(path: Path, names: Sequence[str]) -> dict[str, NDArray]:
    """Variables of a MATLAB file, each at least two-dimensional, as MATLAB has them.

    Raises:
        DatabaseLayoutError: the file cannot be read or lacks a variable.
    """
    from scipy.io import loadmat

    data = read_bytes(path)
    try:
        contents = loadmat(io.BytesIO(data))
    except Exception as error:  # SciPy raises whatever the damaged bytes lead to
        raise DatabaseLayoutError(f"{path} is no readable MATLAB file: {' '.join(str(error).split())}") from error
    lacking = [name for name in names if name not in contents]
    if lacking:
        found = ", ".join(name for name in contents if not name.startswith("__"))
        raise DatabaseLayoutError(f"{path}: looked for the variable {lacking[0]!r}; it has {found or 'none'}")
    return {name: contents[name] for name in names}


def read_columns(path: Path, columns: Sequence[str], database: str) -> pd.DataFrame:
    """Columns of a CSV file, cells as text; letter case and blanks in the header do not matter.

    Raises:
        DatabaseLayoutError: a column is missing.
        ManifestError: see `read_table`.
    """
    raw = read_table(path)
    names = {name.strip().lower(): name for name in raw.columns}
    if not {column.lower() for column in columns} <= set(names):
        raise DatabaseLayoutError(
            f"{path} is no label file of {database}: looked for the columns {', '.join(columns)}; "
            f"it has {', '.join(raw.columns)}"
        )
    return raw[[names[column.lower()] for column in columns]].set_axis(list(columns), axis="columns")


def numbers(cells: pd.Series, pictures: pd.Series, path: Path) -> NDArray[np.float64]:
    """The cells as numbers (N,), every one of them filled.

    Args:
        cells: a column of a label file, named for what it holds.
        pictures: the names of the rows' pictures, for the message.
        path: the label file, for the message.

    Raises:
        DatabaseLayoutError: a cell is blank or no finite number; the text names the first.
    """
    parsed, _ = parse_numbers(cells)
    bad = np.flatnonzero(~np.isfinite(parsed))
    if len(bad):
        raise DatabaseLayoutError(
            f"{path}: {cells.name} of {pictures.iloc[bad[0]]} is not a number: {cells.iloc[bad[0]]!r}"
            + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else "")
        )
    return parsed
