"""The statistics of every picture of a collection, and their summary."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest, concatenate, read_manifest
from tfiqa.databases.reader import Progress
from tfiqa.databases.table_file import CSV_ENDINGS, PARQUET_ENDINGS, parse_numbers
from tfiqa.errors import InvalidInput
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.images.discovery import find_pictures
from tfiqa.images.each_picture import over_pictures
from tfiqa.images.statistics import STATISTICS, picture_statistics
from tfiqa.registry import unknown_name

ERROR = "error"  # the column that says why a picture has no statistics
QUANTILES = {"min": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "max": 1.0}


def read_collection(paths: Sequence[str]) -> Manifest:
    """One manifest of what a user names: manifests (by their ending .csv, .tsv, .txt or .parquet), or pictures.

    Args:
        paths: manifests, which are joined; or files, folders and patterns, as `images.discovery.find_pictures` takes them.

    Raises:
        InvalidInput: both kinds at once, or a folder or pattern without pictures.
        ManifestError: a manifest cannot be read, or manifests cannot be joined; see `manifest.concatenate`.
    """
    tables = [path for path in paths if path.lower().endswith((*CSV_ENDINGS, *PARQUET_ENDINGS))]
    if not tables:
        pictures = [os.path.abspath(path) for path in find_pictures(paths)]
        return Manifest(pd.DataFrame({"image": pictures}), None, UNKNOWN_SCALE)
    if len(tables) < len(paths):
        other = next(path for path in paths if path not in tables)
        raise InvalidInput(f"manifests and pictures cannot be described together. Received: {tables[0]}, {other}")
    manifests = [read_manifest(path) for path in tables]
    return manifests[0] if len(manifests) == 1 else concatenate(manifests)


def with_statistics(
    manifest: Manifest,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """The manifest with the columns `STATISTICS` and `error` of `measure_pictures`.

    A manifest that has all of these columns already, such as one that came from here, is given back as it is; where only
    some are there, they are replaced. Arguments as in `measure_pictures`.
    """
    columns = [*STATISTICS, ERROR]
    if set(columns) <= set(manifest.table):
        return manifest
    rows = measure_pictures(manifest.picture_paths(), max_pixels=max_pixels, workers=workers, progress=progress)
    return replace(manifest, table=manifest.table.drop(columns=columns, errors="ignore").join(rows))


def with_features(manifest: Manifest, features: Sequence[str], *, progress: Progress | None = None) -> Manifest:
    """The manifest with a column of finite numbers, float64, NaN where blank, for each of some features.

    A feature is a column of the manifest; where it has none of that name, one of `STATISTICS`, and the pictures are measured.

    Raises:
        InvalidInput: a feature is neither, holds something else than numbers, or is blank in every row.
    """
    lacking = [feature for feature in features if feature not in manifest.table]
    for feature in lacking:
        if feature not in STATISTICS:
            known = dict.fromkeys((*STATISTICS, *map(str, manifest.table.columns)))
            raise InvalidInput(f"{manifest.name}: {unknown_name('feature', feature, known)}")
    table = (with_statistics(manifest, progress=progress) if lacking else manifest).table.copy()
    for feature in features:
        numbers, bad = parse_numbers(table[feature])
        bad |= np.isinf(numbers)
        if bad.any():
            example = str(table[feature].iloc[np.flatnonzero(bad)[0]])
            raise InvalidInput(f"{manifest.name}: feature {feature!r} is not a number. Received: {example!r}")
        if np.isnan(numbers).all():
            raise InvalidInput(f"{manifest.name}: no picture has the feature {feature!r}")
        table[feature] = numbers
    return replace(manifest, table=table)


def measure_pictures(
    paths: Sequence[Path],
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The statistics of pictures, decoded in threads.

    Args:
        paths: the pictures.
        max_pixels: larger pictures are errors.
        workers: threads; by default one for each processor. Each decodes one picture, at some ten bytes a pixel.
        progress: called with (done, all) after each picture.

    Returns:
        One row a picture, in the order of `paths`, index 0, 1, 2, ...: `STATISTICS` (float64; NaN for a picture that
        cannot be measured) and `error` ("path: reason", else None).
    """
    rows = []
    for statistics, error in over_pictures(picture_statistics, paths, max_pixels=max_pixels, workers=workers):
        rows.append({ERROR: error} if statistics is None else asdict(statistics))
        if progress:
            progress(len(rows), len(paths))
    table = pd.DataFrame(rows, columns=[*STATISTICS, ERROR])
    return table.astype(dict.fromkeys(STATISTICS, np.float64) | {ERROR: object})


def picture_errors(manifest: Manifest) -> list[str]:
    """Why pictures could not be measured, one text each; none for a manifest without statistics."""
    has_statistics = {*STATISTICS, ERROR} <= set(manifest.table)
    return [str(error) for error in manifest.table[ERROR].dropna()] if has_statistics else []


def summarise(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of a table, a row each, over the cells that are not blank: float64, NaN for a column without any.

    Returns:
        Columns `QUANTILES`, interpolated linearly, mean and std, which divides by the number of cells.
    """
    numbers = table[list(columns)].astype(np.float64)
    summary = numbers.quantile(list(QUANTILES.values())).T.set_axis(list(QUANTILES), axis="columns")
    return summary.assign(mean=numbers.mean(), std=numbers.std(ddof=0))
