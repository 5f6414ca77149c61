"""The ratings of a subjective study: who gave which stimulus which score, in which session."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.table_file import as_text, parse_numbers, read_table
from tfiqa.databases.validation import rows_problem
from tfiqa.errors import InvalidInput, ManifestError

REQUIRED = ("subject", "stimulus", "score")
ONLY_SESSION = "1"  # the name of the session where the table has no such column
# What other tables call our columns, for "did you mean"; in lower case, blanks as underscores.
OTHER_NAMES = {
    "subject": ("subject_id", "observer", "observer_id", "participant", "participant_id", "rater", "worker", "user"),
    "session": ("session_id", "session_no", "hit", "hit_id"),
    "stimulus": ("stimulus_id", "image", "image_name", "picture", "filename", "file_name", "file", "name", "video"),
    "score": ("rating", "opinion", "opinion_score", "quality", "vote", "value", "mos"),
}
SURELY_MEANT = 0.8  # likeness (difflib) from which a column is taken for a misspelt `session`; "sesion" has .92


@dataclass(frozen=True, eq=False)
class Ratings:
    """A study's ratings, one row a rating.

    Args:
        table: `subject`, `session`, `stimulus` (categories of text; subjects sorted, the others in the order of their
            first rating) and `score` (float64).
        low: lowest grade of the rating scale.
        high: highest grade.
        name: the file, for messages.
    """

    table: pd.DataFrame
    low: float
    high: float
    name: str = "ratings"

    def __len__(self) -> int:
        return len(self.table)

    @property
    def scores(self) -> NDArray[np.float64]:
        """The scores, (N,)."""
        return self.table["score"].to_numpy()

    def codes(self, column: str) -> NDArray[np.int64]:
        """The number of each rating's `subject` or `stimulus` among the column's categories, (N,)."""
        return np.asarray(self.table[column].cat.codes, np.int64)


def read_ratings(path: str | os.PathLike[str], *, low: float = 0.0, high: float = 100.0) -> Ratings:
    """Reads ratings from CSV (UTF-8; comma, semicolon or tab) or Parquet, by the file's ending.

    Args:
        path: a table with the columns `subject`, `stimulus`, `score` and, where subjects took part more than once,
            `session`; without it each subject has one session. Names stay text as written: 007 is not 7. A stimulus
            may be rated repeatedly in a session. Other columns, such as the order of presentation, are not read.
        low: lowest grade of the rating scale.
        high: highest grade.

    Raises:
        InvalidInput: low is not below high.
        ManifestError: the table cannot be read, lacks a column, or has cells that are blank, no number or outside of
            low..high; one line with all the rows, counted as a spreadsheet does.
    """
    return ratings_from_table(read_table(Path(path)), name=str(path), low=low, high=high)


def ratings_from_table(raw: pd.DataFrame, *, name: str = "ratings", low: float = 0.0, high: float = 100.0) -> Ratings:
    """The ratings of a table in memory; arguments and errors as in `read_ratings`."""
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidInput(f"a rating scale needs finite low < high. Received: {low:g} and {high:g}")
    if raw.empty:
        raise ManifestError(f"{name}: it has no rows")
    columns = [str(column) for column in raw.columns]
    problems = [_missing_column(column, columns) for column in REQUIRED if column not in columns]
    problems += _misnamed_session(columns)
    texts = {column: as_text(raw[column]) for column in ("subject", "session", "stimulus") if column in columns}
    for column, cells in texts.items():
        problems += rows_problem(f"{column} is missing", cells.isna())
    scores = np.empty(0)
    if "score" in columns:
        scores, bad = parse_numbers(raw["score"])
        problems += rows_problem("score is not a number", bad, raw["score"])
        problems += rows_problem("score is missing", np.isnan(scores) & ~bad)
        problems += rows_problem(f"score is outside {low:g}..{high:g}", (scores < low) | (scores > high), raw["score"])
    if problems:
        raise ManifestError(f"{name}: {'; '.join(problems)}")
    session = texts.get("session", pd.Series(ONLY_SESSION, index=raw.index))
    table = pd.DataFrame(
        {
            "subject": pd.Categorical(texts["subject"]),
            "session": pd.Categorical(session, categories=session.unique()),
            "stimulus": pd.Categorical(texts["stimulus"], categories=texts["stimulus"].unique()),
            "score": scores,
        }
    )
    return Ratings(table, float(low), float(high), name)


def _missing_column(column: str, names: list[str]) -> str:
    plain = {_plain(name): name for name in names}
    known = [given for name, given in plain.items() if name in (column, *OTHER_NAMES[column])]
    near = known or [plain[name] for name in difflib.get_close_matches(column, plain, n=1)]
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"column {column!r} is missing; it has: {', '.join(names)}{hint}"


def _misnamed_session(names: list[str]) -> list[str]:
    """A column that surely means `session` must not be passed over, for results would differ silently."""
    if "session" in names:
        return []
    plain = {_plain(name): name for name in names if name not in REQUIRED}
    meant = [given for name, given in plain.items() if name in ("session", *OTHER_NAMES["session"])]
    meant += [plain[name] for name in difflib.get_close_matches("session", plain, n=1, cutoff=SURELY_MEANT)]
    return [f"column {meant[0]!r} is not read: call it 'session', or remove it"] if meant else []


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")
