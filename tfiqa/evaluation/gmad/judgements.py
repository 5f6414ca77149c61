"""What people say of the pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tfiqa.databases.table_file import parse_numbers, read_table
from tfiqa.databases.validation import rows_problem
from tfiqa.errors import ManifestError

STRONGEST = 100.0  # the paper's scale of preference: -100 to 100
COLUMNS = ("best", "worst", "preference")


def read_judgements(path: Path) -> pd.DataFrame:
    """Judgements of pairs from a CSV or Parquet file.

    A row is one opinion: `best` and `worst`, two pictures named as in the competition's pairs, and `preference`, from -100
    (`worst` looks much better) by 0 to 100 (`best` looks much better). Rows with a blank preference are left out; several
    rows of one pair are several people. The competition's own table of pairs with a column `preference` is such a file.

    Raises:
        ManifestError: the file cannot be read, lacks a column, or holds other values.
    """
    table = read_table(path)
    lacking = [column for column in COLUMNS if column not in table]
    if lacking:
        raise ManifestError(f"{path}: judgements need the columns {', '.join(COLUMNS)}; it lacks {', '.join(lacking)}")
    preference, bad = parse_numbers(table["preference"])
    problems = rows_problem("preference is not a number", bad, table["preference"])
    problems += rows_problem("preference is beyond -100..100", np.abs(preference) > STRONGEST, table["preference"])
    if problems:
        raise ManifestError(f"{path}: {'; '.join(problems)}")
    return table[["best", "worst"]].assign(preference=preference).dropna()


def judged_pairs(pairs: pd.DataFrame, judgements: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The pairs with people's judgements, and how many of the judgements are of none of the pairs.

    A judgement counts for every pair of its two pictures, whoever holds which to be the better.

    Args:
        pairs: of `pairs_table`.
        judgements: of `read_judgements`.

    Returns:
        `pairs` with the columns `preference` (mean over people; NaN without any) and `preference_std` (deviation between
        people; NaN with fewer than two); and the number of judgements that found no pair.
    """
    keys, turned = _unordered(judgements)
    of_pair = judgements["preference"].where(~turned, -judgements["preference"]).groupby(keys).agg(["mean", "std"])
    pair_keys, pair_turned = _unordered(pairs)
    found = of_pair.reindex(pair_keys)
    preference = np.where(pair_turned, -found["mean"], found["mean"])
    unmatched = int((~keys.isin(pair_keys)).sum())
    return pairs.assign(preference=preference, preference_std=found["std"].to_numpy()), unmatched


def opinion_pairs(pairs: pd.DataFrame, opinions: pd.DataFrame) -> pd.DataFrame:
    """The pairs with the opinion scores of their single pictures in place of judgements of pairs.

    Args:
        pairs: of `pairs_table`.
        opinions: of `Playground.opinions`.

    Returns:
        `pairs` with the columns `preference`, the difference of the opinion scores in per cent of their scale, and
        `preference_std`, what the deviations of the opinions make of it for two independent ones.
    """
    best, worst = (opinions.reindex(pairs[side]).to_numpy() for side in ("best", "worst"))
    return pairs.assign(preference=best[:, 0] - worst[:, 0], preference_std=np.hypot(best[:, 1], worst[:, 1]))


def _unordered(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """A key for each row's two pictures in either order, and whether the row has them the other way round."""
    turned = table["best"] > table["worst"]
    first, second = table["best"].where(~turned, table["worst"]), table["worst"].where(~turned, table["best"])
    return first + "//" + second, turned  # which no name holds
