"""Which pictures belong together: those of one group, or of one reference, must not straddle a split."""

from __future__ import annotations

import os

import pandas as pd


def group_keys(table: pd.DataFrame) -> pd.Series:
    """One text a row that is equal exactly for rows that belong together.

    A row belongs to its `group`; without one, to its `reference`; without either, it stands alone under its
    `picture_keys`.
    """
    keys = "image " + picture_keys(table)
    for column in ("reference", "group"):
        if column in table:
            names = table[column].astype(object)
            keys = keys.where(names.isna(), f"{column} " + names.map(str))
    return keys


def picture_keys(table: pd.DataFrame) -> pd.Series:
    """Each picture's path from the folder that holds all the table's pictures, with `/`.

    Keys, and the splits drawn from them, do not depend on where that folder is.
    """
    images = table["image"].map(str)
    try:
        common = os.path.commonpath([os.path.dirname(os.path.normpath(image)) for image in images])
    except ValueError:  # absolute and relative paths in one table share no folder
        return images
    return images.map(lambda image: os.path.relpath(image, common or os.curdir).replace(os.sep, "/"))
