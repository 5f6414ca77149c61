"""Which pictures belong together: those of one group, or of one reference, must not straddle a split."""

from __future__ import annotations

import pandas as pd


def group_keys(table: pd.DataFrame) -> pd.Series:
    """One text a row that is equal exactly for rows that belong together.

    A row belongs to its `group`; without one, to its `reference`; without either, it stands alone.
    """
    keys = "image " + table["image"].map(str)
    for column in ("reference", "group"):
        if column in table:
            names = table[column].astype(object)
            keys = keys.where(names.isna(), f"{column} " + names.map(str))
    return keys
