"""Which pictures belong together: those of one group, or of one reference, must not straddle a split."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def group_keys(table: pd.DataFrame, path: Path | None = None) -> pd.Series:
    """One text a row that is equal exactly for rows that belong together.

    Rows with the same `group` belong together, rows with the same `reference` too, and so on by chains of both. They are
    called after their group (the first of several, in the order of text), without one after their reference, and a row
    with neither stands alone under its `picture_keys`. `path`: the manifest's file, where relative paths start.
    """
    keys = "image " + picture_keys(table, path)
    if "reference" in table:
        references = _short_paths(table["reference"].dropna(), path).reindex(table.index)
        keys = keys.where(references.isna(), "reference " + references)
    if "group" in table:
        names = table["group"].astype(object)
        keys = keys.where(names.isna(), "group " + names.map(str))
        if "reference" in table:
            keys = _chained(keys, references)
    return keys


def picture_keys(table: pd.DataFrame, path: Path | None = None) -> pd.Series:
    """Each picture's path from the folder that holds all the table's pictures, with `/`.

    Keys, and the splits drawn from them, do not depend on where that folder is, nor on whether the table writes paths
    absolutely. `path`: the manifest's file, where relative paths start.
    """
    return _short_paths(table["image"], path)


def absolute_paths(images: pd.Series, path: Path | None) -> list[str]:
    """The images' absolute paths; relative ones start from the folder of `path`, or from the current folder."""
    folder = os.path.abspath(path.parent if path else os.curdir)
    return [os.path.normpath(os.path.join(folder, image)) for image in images]


def connected(links: NDArray[np.integer], count: int) -> NDArray[np.int32]:
    """For each of `count` things the number of its component, where `links` (L, 2) join things."""
    graph = coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _short_paths(files: pd.Series, path: Path | None) -> pd.Series:
    paths = absolute_paths(files.map(str), path)
    try:
        start = len(os.path.join(os.path.commonpath([os.path.dirname(file) for file in paths]), ""))
        paths = [file[start:] for file in paths]
    except ValueError:  # no files, or files on several drives
        pass
    return pd.Series([file.replace(os.sep, "/") for file in paths], files.index, object)


def _chained(keys: pd.Series, references: pd.Series) -> pd.Series:
    """One key, the first in the order of text, for all rows that share a key or a reference, however indirectly."""
    key_of_row, names = pd.factorize(keys, sort=True)
    reference_of_row, _ = pd.factorize(references)
    linked = reference_of_row >= 0
    links = np.stack([key_of_row, len(names) + reference_of_row], axis=1)[linked]
    component = connected(links, len(names) + len(keys))[: len(names)]
    first = np.full(component.max() + 1, len(names))
    np.minimum.at(first, component, np.arange(len(names)))
    return pd.Series(names[first[component]][key_of_row], keys.index)
