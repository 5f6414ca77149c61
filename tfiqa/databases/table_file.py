"""Tables on disk, CSV or Parquet by the file's ending, read without guessing away what was written."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfiqa.errors import ManifestError
from tfiqa.files import whole_file

CSV_ENDINGS = (".csv", ".tsv", ".txt")
PARQUET_ENDINGS = (".parquet",)
FIRST_ROW = 2  # the first data row in a spreadsheet, where the header is row 1
CODE = re.compile(r"0\d.*|\d{16,}")  # what would lose its zeros or, as a double, its last digits
SEPARATORS = (",", ";", "\t")
# What spreadsheets, pandas and R write where a number is missing, in lower case.
BLANKS = frozenset({"", "na", "n/a", "null", "none"})  # and "nan", which is a float


def read_table(path: Path) -> pd.DataFrame:
    """The table of a CSV file (UTF-8 with or without BOM; comma, semicolon or tab) or a Parquet file, values as stored.

    Cells of a CSV file stay text; `typed_table` makes numbers of them. Lists in Parquet, such as boxes, become JSON. Blank
    rows at the end and nameless columns without any content are left out.

    Raises:
        ManifestError: the file is missing, of another kind or damaged, its header names a column twice, or a row
            between others is blank (rows are counted as a spreadsheet does: the header is row 1).
    """
    if path.is_dir():
        raise ManifestError(f"{path} is a folder; give a CSV or Parquet file")
    try:
        table = _read_parquet(path) if path.suffix.lower() in PARQUET_ENDINGS else _read_csv(path)
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file") from None
    except OSError as error:
        raise ManifestError(f"cannot read {path}: {error.strerror or error}") from error
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise ManifestError(f"{path}: the header names column {twice[0]!r} twice")
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table whole or not at all; the numbers of a CSV file read back exactly.

    Raises:
        ManifestError: the ending is neither .csv nor .parquet.
        StorageError: the system refuses.
    """
    if path.suffix.lower() not in (".csv", *PARQUET_ENDINGS):
        raise ManifestError(f"a table is written as .csv or .parquet. Received: {path.name}")
    with whole_file(path) as temporary:
        if path.suffix.lower() == ".csv":
            table.to_csv(temporary, index=False, encoding="utf-8", errors="surrogateescape", lineterminator="\n")
        else:
            table.to_parquet(temporary, index=False)


def typed_table(table: pd.DataFrame, text_columns: Collection[str]) -> pd.DataFrame:
    """Numbers where every cell of a column is one, text elsewhere and always in `text_columns`; blank cells are NaN.

    Whole numbers with leading zeros or of more than 15 digits are names or codes and stay text.
    """
    return pd.DataFrame(
        {name: as_text(table[name]) if name in text_columns else _typed(table[name]) for name in table.columns},
        index=table.index,
    )


def parse_numbers(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of a column, float64 (N,), NaN where there is none, and a mask (N,) of cells that are neither number
    nor blank.

    Text is parsed to the nearest double, so that what was written with all digits comes back exactly.
    """
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64, na_value=np.nan), np.zeros(len(column), bool)
    parsed = [_number(cell) for cell in column.to_numpy(object)]
    bad = np.array([number is None for number in parsed], bool)
    return np.array([np.nan if number is None else number for number in parsed], np.float64), bad


def as_text(column: pd.Series) -> pd.Series:
    """The cells as text, NaN where blank; 7.0, a whole number in a column with gaps, is "7"."""
    return pd.Series([_text(cell) for cell in column], index=column.index, name=column.name)


def _text(cell: object) -> object:
    if cell is None or cell is pd.NA or cell == "" or cell != cell:
        return np.nan
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _number(cell: Any) -> float | None:
    """The number in a cell, NaN where it is blank, None where it is something else."""
    if isinstance(cell, str) and "_" in cell:
        return None  # Python reads 1_000 as a number, people do not
    try:
        return float(cell)
    except (TypeError, ValueError):
        is_blank = cell is None or cell is pd.NA or (isinstance(cell, str) and cell.strip().lower() in BLANKS)
        return np.nan if is_blank else None


def _typed(column: pd.Series) -> pd.Series:
    cells = column.tolist()
    if not all(isinstance(cell, str) or cell is None or cell is pd.NA or cell != cell for cell in cells):
        return column  # Parquet has typed it already
    numbers, bad = parse_numbers(column)
    if bad.any() or any(isinstance(cell, str) and CODE.fullmatch(cell) for cell in cells):
        return as_text(column)
    if np.isfinite(numbers).all() and all(cell.strip().lstrip("+-").isdigit() for cell in cells):
        numbers = numbers.astype(np.int64)
    return pd.Series(numbers, index=column.index, name=column.name)


def _read_csv(path: Path) -> pd.DataFrame:
    if path.suffix.lower() not in CSV_ENDINGS:
        raise ManifestError(f"{path}: a table ends in {', '.join((*CSV_ENDINGS, *PARQUET_ENDINGS))}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestError(f"{path} is not UTF-8 text; in a spreadsheet program save it as 'CSV UTF-8'") from None
    if not text.strip():
        raise ManifestError(f"{path} is empty")
    header = text.split("\n", 1)[0]
    try:
        cells = pd.read_csv(
            io.StringIO(text),
            sep=max(SEPARATORS, key=header.count),
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
        )
    except pd.errors.ParserError as error:
        raise ManifestError(f"{path}: {' '.join(str(error).split())}") from error
    names = [name.strip() or f"unnamed_{place}" for place, name in enumerate(cells.iloc[0], start=1)]
    table = cells.iloc[1:].set_axis(names, axis="columns").reset_index(drop=True)
    filled = table != ""
    blank_rows = np.flatnonzero(~filled.any(axis="columns"))
    rows = len(table) - len(blank_rows)
    if len(blank_rows) and blank_rows[0] < rows:
        raise ManifestError(f"{path}: row {blank_rows[0] + FIRST_ROW} is blank; remove it")
    keep = [not name.startswith("unnamed_") or bool(filled[name].any()) for name in names]
    return table.loc[: rows - 1, keep]


def _read_parquet(path: Path) -> pd.DataFrame:
    path.stat()  # pyarrow's own text for a missing file names no file
    try:
        table = pd.read_parquet(path)
    except (ValueError, OSError) as error:  # pyarrow's errors derive from these
        raise ManifestError(f"{path} is not a readable Parquet file: {' '.join(str(error).split())}") from error
    table = table.set_axis([str(name) for name in table.columns], axis="columns").reset_index(drop=True)
    lists = [name for name in table.columns if any(isinstance(cell, np.ndarray) for cell in table[name])]
    return table.assign(**{name: table[name].map(_json, na_action="ignore") for name in lists})


def _json(cell: Any) -> str:
    """Lists, which other tables cannot have, as JSON."""
    return json.dumps(cell, default=lambda array: array.tolist())
