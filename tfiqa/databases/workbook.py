"""Sheets of Excel workbooks (.xlsx) as tables."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from tfiqa.databases.label_file import read_bytes
from tfiqa.errors import DatabaseLayoutError


def read_sheet(path: Path, name: str | None = None, columns: Sequence[str] = ()) -> pd.DataFrame:
    """A sheet's cells as stored, without blank rows; its first row that is not blank gives the column names.

    The names are in lower case with an underscore for whatever is no letter, and empty for columns without a header.

    Args:
        path: the workbook.
        name: the sheet; by default the first.
        columns: names of columns that must be there, once each.

    Raises:
        DatabaseLayoutError: the file cannot be read, is no workbook, or lacks the sheet or a column.
    """
    import openpyxl  # takes a while to load, and only readers of workbooks need it

    data = read_bytes(path)
    try:
        with closing(openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)) as workbook:
            sheets = [sheet.title for sheet in workbook.worksheets]
            rows = _filled_rows(workbook[name or sheets[0]]) if not name or name in sheets else None
    except Exception as error:  # openpyxl raises whatever the damaged bytes lead to
        raise DatabaseLayoutError(f"{path} is no readable workbook: {' '.join(str(error).split())}") from error
    if rows is None:
        raise DatabaseLayoutError(f"{path}: looked for the sheet {name!r}; it has {', '.join(sheets)}")
    width = max(map(len, rows), default=0)
    padded = [[*row, *[None] * (width - len(row))] for row in rows]  # programs differ in writing empty cells
    table = pd.DataFrame(padded, dtype=object)
    names = [re.sub(r"[^a-z]+", "_", str(cell or "").strip().lower()) for cell in (table.iloc[0] if rows else [])]
    if any(names.count(column) != 1 for column in columns):
        raise DatabaseLayoutError(
            f"{path}: looked for the columns {', '.join(columns)} in sheet {name or sheets[0]}; "
            f"it has {', '.join(filter(None, names))}"
        )
    return table.iloc[1:].set_axis(names, axis="columns").reset_index(drop=True)


def _filled_rows(sheet: Any) -> list[tuple]:
    sheet.reset_dimensions()  # some programs write the dimensions wrong, and openpyxl would cut the sheet by them
    return [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
