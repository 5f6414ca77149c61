"""The split that a database's owners published, made fit for use: no group on two sides."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tfiqa.databases.groups import group_keys
from tfiqa.databases.manifest import Manifest
from tfiqa.databases.splits import split_manifest, straddling_groups
from tfiqa.databases.validation import SPLITS
from tfiqa.errors import InvalidInput, ManifestError

HELD_OUT_FIRST = ("test", "validation", "train")


def official_split(
    manifest: Manifest, *, validation: float = 0.0, seed: int = 1, drop_straddling: bool = False
) -> tuple[Manifest, int]:
    """The manifest split as its column `official_split` says, and how many pictures were dropped.

    Args:
        manifest: with the column `official_split`.
        validation: share of the official training pictures that becomes validation where the official split has none;
            groups stay together.
        seed: of that draw.
        drop_straddling: whether groups on several sides keep only their pictures on the most held-out side (test, then
            validation), so that the test set stays the official one; otherwise they are an error.

    Raises:
        InvalidInput: `validation` is not in [0, 1), or the official split has a validation set already.
        ManifestError: there is no official split, rows lack it, or groups straddle it.
    """
    table = manifest.table
    if "official_split" not in table:
        raise ManifestError(f"{manifest.name} has no column 'official_split'")
    bad = ~table["official_split"].isin(SPLITS)
    if bad.any():
        raise ManifestError(
            f"{manifest.name}: official_split of {int(bad.sum())} pictures is none of {', '.join(SPLITS)} "
            f"(first: {table.loc[bad, 'image'].iloc[0]})"
        )
    table = table.assign(split=table["official_split"])
    torn = straddling_groups(manifest, "official_split")
    if torn and not drop_straddling:
        raise ManifestError(
            f"{manifest.name}: {torn} groups straddle the official split; --drop-straddling leaves out their pictures that "
            "are not on the held-out side"
        )
    kept = (
        table[~_is_leak(table, group_keys(table, manifest.path))].reset_index(drop=True) if drop_straddling else table
    )
    split = replace(manifest, table=kept)
    if validation:
        split = _with_validation(split, validation, seed)
    return split, len(table) - len(kept)


def _is_leak(table: pd.DataFrame, groups: pd.Series) -> pd.Series:
    """The rows that are on a less held-out side than others of their group."""
    rank = table["split"].map(HELD_OUT_FIRST.index)
    return rank > rank.groupby(groups, sort=False).transform("min")


def _with_validation(manifest: Manifest, share: float, seed: int) -> Manifest:
    if not 0 < share < 1:
        raise InvalidInput(f"the share of validation lies in [0, 1). Received: {share}")
    if (manifest.table["split"] == "validation").any():
        raise InvalidInput(f"{manifest.name}: the official split has a validation set already")
    table = manifest.table.copy()
    is_train = table["split"] == "train"
    train = replace(manifest, table=table[is_train].drop(columns="split").reset_index(drop=True))
    drawn = split_manifest(train, {"train": 1 - share, "validation": share}, seed)
    table.loc[is_train, "split"] = drawn.table["split"].to_numpy()
    return replace(manifest, table=table)
