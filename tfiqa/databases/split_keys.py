"""Key files: a split as a small table of pictures, to repeat a result years later and on another machine."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tfiqa.databases.groups import picture_keys
from tfiqa.databases.manifest import Manifest
from tfiqa.databases.table_file import as_text, read_table, write_table
from tfiqa.databases.validation import validate_manifest
from tfiqa.errors import ManifestError


def write_split_keys(manifest: Manifest, path: str | os.PathLike[str]) -> None:
    """Writes the key file of a split manifest: CSV (or Parquet) with the columns `image` and `split`.

    Keys are paths from the folder that holds all the manifest's pictures, so that the file fits every copy of them.

    Raises:
        ManifestError: the manifest has no split, or the ending is neither .csv nor .parquet.
        StorageError: the system refuses.
    """
    if "split" not in manifest.table:
        raise ManifestError(f"{manifest.name} has no column 'split'")
    keys = pd.DataFrame({"image": picture_keys(manifest.table), "split": manifest.table["split"]})
    write_table(keys, Path(path))


def apply_split_keys(manifest: Manifest, path: str | os.PathLike[str]) -> tuple[Manifest, int]:
    """The manifest with the split of a key file, and how many keys name pictures that the manifest lacks.

    Raises:
        ManifestError: the file is no key file, names a picture twice or a split that there is not, lacks a picture of
            the manifest, or tears a group apart.
    """
    path = Path(path)
    table = read_table(path)
    lacking = [column for column in ("image", "split") if column not in table]
    if lacking:
        raise ManifestError(
            f"{path} is no key file: column {lacking[0]!r} is missing; it has {', '.join(table.columns)}"
        )
    validate_manifest(table[["image", "split"]], path, required=("image", "split"), check_files=False)
    split_of = pd.Series(as_text(table["split"]).to_numpy(), index=as_text(table["image"]))
    keys = picture_keys(manifest.table)
    unknown = keys[~keys.isin(split_of.index)]
    if len(unknown):
        raise ManifestError(
            f"{path} lacks {len(unknown)} of the {len(keys)} pictures of {manifest.name} (first: {unknown.iloc[0]})"
        )
    marked = manifest.table.assign(split=keys.map(split_of))
    validate_manifest(marked, manifest.path, required=("image", "split"), check_files=False)
    return replace(manifest, table=marked), len(split_of) - len(keys)
