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
    keys = pd.DataFrame({"image": picture_keys(manifest.table, manifest.path), "split": manifest.table["split"]})
    write_table(keys, Path(path))


def apply_split_keys(manifest: Manifest, path: str | os.PathLike[str]) -> tuple[Manifest, int]:
    """The manifest with the split of a key file, and how many keys name pictures that the manifest lacks.

    A manifest of some folders of the database alone finds its keys, too.

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
    keys = _matching_keys(manifest, split_of.index)
    unknown = keys[~keys.isin(split_of.index)]
    if len(unknown):
        raise ManifestError(
            f"{path} lacks {len(unknown)} of the {len(keys)} pictures of {manifest.name} (first: {unknown.iloc[0]})"
        )
    marked = manifest.table.assign(split=keys.map(split_of))
    validate_manifest(marked, manifest.path, required=("image", "split"), check_files=False)
    return replace(manifest, table=marked), len(split_of) - len(keys)


def _matching_keys(manifest: Manifest, known: pd.Index) -> pd.Series:
    """The manifest's `picture_keys`, behind as many names of the folders above as make all of them known, if any do."""
    keys = picture_keys(manifest.table, manifest.path)
    above = manifest.picture_paths()[0].as_posix().removesuffix(keys.iloc[0]).split("/")[1:-1]
    for place in range(len(above)):  # the longest first: a short key may name another picture higher up
        longer = "/".join(above[place:]) + "/" + keys
        if longer.isin(known).all():
            return longer
    return keys
