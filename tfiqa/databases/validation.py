"""What makes a manifest unusable, told in one line with the rows to look at."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tfiqa.databases.groups import absolute_paths, group_keys
from tfiqa.databases.table_file import FIRST_ROW, parse_numbers
from tfiqa.errors import ManifestError
from tfiqa.models.deepfl import MEASURES
from tfiqa.models.spaq import ATTRIBUTES

SPLITS = ("train", "validation", "test")
DIRECTIONS = ("higher", "lower")
SCALE_COLUMNS = ("scale_low", "scale_high", "scale_direction", "scale_unit")
NUMBER_COLUMNS = ("score", "score_std", *ATTRIBUTES, *MEASURES, "scale_low", "scale_high")
NUMBER_PREFIXES = ("scene_", "exif_", "bin_", "rank_")

ROWS_SHOWN = 5
COLUMNS_SHOWN = 12
# What other tables call our columns, for "did you mean".
OTHER_NAMES = {
    "image": ("image_name", "image name", "filename", "file_name", "file", "name", "path", "picture"),
    "score": ("mos", "dmos", "quality", "rating"),
}


def validate_manifest(
    table: pd.DataFrame,
    path: Path | None,
    *,
    required: Sequence[str] = ("image", "score"),
    check_files: bool = True,
) -> None:
    """Raises ManifestError, one line that lists every problem found, unless the manifest can be used.

    Row numbers are those that a spreadsheet program shows: the header is row 1, the first picture is row 2. Two rows
    show the same picture when their paths are equal, written absolutely; letter case counts.

    Args:
        table: the manifest's table.
        path: its file, whose folder relative image paths start from; None for the current folder.
        required: columns that must be there and filled in every row. `image` is always one of them.
        check_files: whether every image must exist as a file.
    """
    name = str(path) if path else "manifest"
    if table.empty:
        raise ManifestError(f"{name}: it has no rows")
    problems = []
    for column in dict.fromkeys(("image", *required)):
        if column not in table:
            problems.append(_missing_column(column, [str(name) for name in table.columns]))
        else:
            problems += rows_problem(f"{column} is missing", _is_missing(table[column]))
    for column in table.columns:
        if column in NUMBER_COLUMNS or str(column).startswith(NUMBER_PREFIXES):
            problems += _number_problems(table[column])
    problems += _word_problems(table, "split", SPLITS)
    problems += _word_problems(table, "scale_direction", DIRECTIONS)
    problems += _scale_problems(table)
    if "image" in table:
        problems += _picture_problems(table["image"], path, check_files)
        problems += _leak_problems(table, path)
    if problems:
        raise ManifestError(f"{name}: {'; '.join(problems)}")


def _missing_column(column: str, names: list[str]) -> str:
    listed = ", ".join(names[:COLUMNS_SHOWN]) + (
        f" and {len(names) - COLUMNS_SHOWN} more" if len(names) > COLUMNS_SHOWN else ""
    )
    known = [name for name in names if name.strip().lower() in (column, *OTHER_NAMES.get(column, ()))]
    near = known or difflib.get_close_matches(column, names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"column {column!r} is missing; it has: {listed}{hint}"


def _is_missing(column: pd.Series) -> np.ndarray:
    if column.name in NUMBER_COLUMNS:
        numbers, bad = parse_numbers(column)
        return np.isnan(numbers) & ~bad
    return (column.isna() | (column == "")).to_numpy(bool)


def _number_problems(column: pd.Series) -> list[str]:
    numbers, bad = parse_numbers(column)
    problems = rows_problem(f"{column.name} is not a number", bad, column)
    problems += rows_problem(f"{column.name} is infinite", np.isinf(numbers))
    if column.name == "score_std":
        problems += rows_problem("score_std, a standard deviation, is negative", numbers < 0, column)
    return problems


def _word_problems(table: pd.DataFrame, column: str, words: tuple[str, ...]) -> list[str]:
    if column not in table:
        return []
    return rows_problem(f"{column} is none of {', '.join(words)}", ~table[column].isin(words), table[column])


def _scale_problems(table: pd.DataFrame) -> list[str]:
    present = [column for column in SCALE_COLUMNS if column in table]
    problems = [f"{column} differs between rows" for column in present if table[column].nunique(dropna=False) > 1]
    if present and "scale_direction" not in table:
        problems.append(f"{present[0]} needs a column scale_direction (higher or lower: which is better)")
    return problems


def _picture_problems(images: pd.Series, path: Path | None, check_files: bool) -> list[str]:
    filled = np.flatnonzero(~_is_missing(images))
    paths = pd.Series(absolute_paths(images.iloc[filled].map(str), path), index=filled, dtype=object)
    twice = np.isin(np.arange(len(images)), filled[paths.duplicated()])
    problems = rows_problem("the same picture as in an earlier row", twice, images)
    if check_files:
        gone = filled[[not os.path.isfile(picture) for picture in paths]]
        problems += rows_problem("file not found", np.isin(np.arange(len(images)), gone), images)
    return problems


def _leak_problems(table: pd.DataFrame, path: Path | None) -> list[str]:
    if "split" not in table:
        return []
    keys = group_keys(table, path)
    splits = table["split"].groupby(keys, sort=False).nunique()
    torn = splits.index[splits > 1]
    if not len(torn):
        return []
    pictures = int(keys.isin(torn).sum())
    what = "1 group straddles" if len(torn) == 1 else f"{len(torn)} groups straddle"
    return [f"{what} the splits ({pictures} pictures; first: {torn[0]}), so that the test would see training pictures"]


def rows_problem(what: str, bad: pd.Series | np.ndarray, cells: pd.Series | None = None) -> list[str]:
    """One text for the rows where `bad`, or none: "score is not a number in rows 4, 9 and 3 more (first: 'abc')"."""
    places = np.flatnonzero(np.asarray(bad, bool))
    if not len(places):
        return []
    shown = ", ".join(str(place + FIRST_ROW) for place in places[:ROWS_SHOWN])
    more = f" and {len(places) - ROWS_SHOWN} more" if len(places) > ROWS_SHOWN else ""
    first = "" if cells is None else f" (first: {_quoted(cells.iloc[places[0]])})"
    return [f"{what} in row{'s' if len(places) > 1 else ''} {shown}{more}{first}"]


def _quoted(cell: object) -> str:
    return "blank" if cell is None or cell != cell or cell == "" else repr(str(cell))
