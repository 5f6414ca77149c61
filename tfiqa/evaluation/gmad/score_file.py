"""Scores of pictures as any tool writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.csv_reader import COLUMN_NAMES
from tfiqa.databases.table_file import CSV_ENDINGS, PARQUET_ENDINGS, parse_numbers, read_table
from tfiqa.databases.validation import DIRECTIONS, SCALE_COLUMNS, rows_problem
from tfiqa.errors import ManifestError

JSON_ENDINGS = (".jsonl",)
SCORE_FILE_ENDINGS = (*CSV_ENDINGS, *PARQUET_ENDINGS, *JSON_ENDINGS)
PICTURE_COLUMNS = ("path", "image", "distorted", *COLUMN_NAMES["image"])  # the first that a file has
SCORE_COLUMNS = ("quality", "score", "mos", "dmos")
NO_SCORES = ("error", "reference", "group", "split", "database", *SCALE_COLUMNS)


@dataclass(frozen=True, eq=False)
class ScoreFile:
    """A score a picture.

    Args:
        path: the file.
        column: of the scores.
        images: (N,) the pictures as written.
        scores: (N,) float64; NaN where the file has none.
        higher_is_better: as the file tells.
    """

    path: Path
    column: str
    images: pd.Series
    scores: NDArray[np.float64]
    higher_is_better: bool


def read_score_file(path: Path, column: str | None = None) -> ScoreFile:
    """Reads one column of scores from CSV, Parquet or JSON lines, by the file's ending.

    The pictures are in the first of the columns path, image, distorted, or another common name. Lower is better where the
    column `scale_direction` says so, which speaks of the columns quality, score, mos and dmos, and for dmos without it.

    Args:
        path: the file.
        column: of the scores; by default quality, score, mos or dmos, or the only one beside the pictures.

    Raises:
        ManifestError: the file cannot be read, it is unclear which columns are meant, or cells are not as they must be.
    """
    table = _read_json_lines(path) if path.suffix.lower() in JSON_ENDINGS else read_table(path)
    if table.empty:
        raise ManifestError(f"{path}: it has no rows")
    known = {str(name).strip().lower(): str(name) for name in reversed(table.columns)}
    pictures = next((known[name] for name in PICTURE_COLUMNS if name in known), None)
    if pictures is None:
        raise ManifestError(f"{path} has no column of pictures, such as path or image; it has: {_listed(table)}")
    column = column or _score_column(path, table, known, pictures)
    if column not in table:
        raise ManifestError(f"{path} has no column {column!r}; it has: {_listed(table)}")
    scores, bad = parse_numbers(table[column])
    images = table[pictures].astype(object)
    problems = rows_problem(f"{pictures} is missing", images.isna() | (images == ""))
    problems += rows_problem(f"{column} is not a number", bad, table[column])
    if problems:
        raise ManifestError(f"{path}: {'; '.join(problems)}")
    return ScoreFile(
        path,
        column,
        pd.Series([str(image) for image in images], dtype=object),
        scores,
        _higher_is_better(path, table, column),
    )


def _score_column(path: Path, table: pd.DataFrame, known: dict[str, str], pictures: str) -> str:
    named = next((known[name] for name in SCORE_COLUMNS if name in known), None)
    others = [str(name) for name in table.columns if name != pictures and str(name).lower() not in NO_SCORES]
    if named is None and len(others) != 1:
        raise ManifestError(
            f"{path}: which column has the scores? Give {path}:COLUMN with one of: {', '.join(others) or 'none'}"
        )
    return named or others[0]


def _higher_is_better(path: Path, table: pd.DataFrame, column: str) -> bool:
    if column.lower() not in SCORE_COLUMNS:
        return True
    if "scale_direction" not in table:
        return column.lower() != "dmos"
    told = table["scale_direction"].dropna().unique()
    if len(told) != 1 or told[0] not in DIRECTIONS:
        raise ManifestError(
            f"{path}: scale_direction must be {' or '.join(DIRECTIONS)}, one for all rows. Received: {', '.join(map(str, told))}"
        )
    return told[0] == "higher"


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))


def _read_json_lines(path: Path) -> pd.DataFrame:
    rows = []
    try:
        with open(path, encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ManifestError(f"{path}: line {number} is no JSON object")
                rows.append(row)
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file") from None
    except OSError as error:
        raise ManifestError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise ManifestError(f"{path} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ManifestError(f"{path}: line {number} is not JSON: {error.msg}") from None
    return pd.DataFrame(rows)
