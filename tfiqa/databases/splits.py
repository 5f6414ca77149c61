"""Splits into train, validation and test that keep groups whole and come out equal on every machine."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from tfiqa.databases.groups import group_keys
from tfiqa.databases.manifest import Manifest
from tfiqa.databases.table_file import as_text
from tfiqa.databases.validation import SPLITS
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.registry import unknown_name

SUM_TOLERANCE = 1e-6  # 0.7 + 0.2 + 0.1 is not 1 in binary


def split_manifest(
    manifest: Manifest, fractions: Mapping[str, float], seed: int, *, within: str | None = None
) -> Manifest:
    """The manifest with its column `split` set anew; pictures that belong together (`groups.group_keys`) stay together.

    The largest groups are placed first, equal ones in an order drawn from the seed. Each goes to a split drawn with
    probability proportional to the pictures the split still lacks, among those with room for the whole group; where
    none has room, to the one that lacks most. So large groups land in every split by its share, and single pictures,
    placed last, fill the splits to the picture. All draws are SHA-256 of the seed and the group's name: the outcome
    depends on neither the order of rows nor the version of a random generator.

    Args:
        manifest: what to split.
        fractions: shares of pictures under the names train, validation, test; a name left out gets none. They sum to 1.
        seed: chooses the split.
        within: a column, such as `database`, each of whose values gets these shares of its own pictures. Groups that several
            of them have go where the first one puts them.

    Raises:
        InvalidInput: other names, negative shares or another sum.
        ManifestError: a share above 0 got no picture.
    """
    _check_fractions(fractions)
    keys = group_keys(manifest.table, manifest.path)
    parts = {manifest.name: keys}
    if within is not None:
        parts = {f"{within} {name}": part for name, part in keys.groupby(manifest.table[within], sort=False)}
    split_of: dict[str, str] = {}
    for name, part in parts.items():
        _place(name, part, fractions, seed, split_of)
    return replace(manifest, table=manifest.table.assign(split=keys.map(split_of)))


def _place(
    name: str, keys: pd.Series[str], fractions: Mapping[str, float], seed: int, split_of: dict[str, str]
) -> None:
    """Adds the splits of the groups that have none yet."""
    sizes = Counter(keys)
    lacking = {split: fractions[split] * len(keys) for split in SPLITS if fractions.get(split, 0) > 0}
    for key in sorted(sizes.keys() & split_of.keys()):
        lacking[split_of[key]] -= sizes[key]
    fresh = sizes.keys() - split_of.keys()
    for key in sorted(fresh, key=lambda key: (-sizes[key], _draw(seed, "order", key))):
        split_of[key] = _choose(lacking, sizes[key], _draw(seed, "split", key))
        lacking[split_of[key]] -= sizes[key]
    empty = [split for split in lacking if split not in {split_of[key] for key in sizes}]
    if empty:
        shares = ", ".join(f"{split} {share:g}" for split, share in fractions.items())
        raise ManifestError(
            f"{name}: split {empty[0]!r} would get no picture; {len(keys)} pictures in {len(sizes)} groups "
            f"cannot be divided as {shares}"
        )


def repeated_splits(manifest: Manifest, fractions: Mapping[str, float], seed: int, repeats: int) -> Iterator[Manifest]:
    """Independent splits, the i-th (from 0) being `split_manifest` with `seed + i`. Raises as that does."""
    for repeat in range(repeats):
        yield split_manifest(manifest, fractions, seed + repeat)


def group_by(manifest: Manifest, column: str) -> Manifest:
    """The manifest with the values of a column as its `group`.

    Raises:
        ManifestError: the column is missing, or blank in some rows.
    """
    if column not in manifest.table:
        known = ", ".join(map(str, manifest.table.columns))
        raise ManifestError(f"{manifest.name}: column {column!r} is missing; it has: {known}")
    values = as_text(manifest.table[column])
    if values.isna().any():
        raise ManifestError(f"{manifest.name}: {column} is blank in {int(values.isna().sum())} rows")
    return replace(manifest, table=manifest.table.assign(group=values))


def rows_of_split(manifest: Manifest, split: str) -> Manifest:
    """The manifest's rows of one split. Raises ManifestError when it has no splits, or no row of that one."""
    if "split" not in manifest.table:
        raise ManifestError(f"{manifest.name} has no column 'split'; `tfiqa data split` makes one")
    rows = manifest.table[manifest.table["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise ManifestError(f"{manifest.name} marks no row as {split!r}")
    return replace(manifest, table=rows)


def straddling_groups(manifest: Manifest, column: str) -> int:
    """How many groups (`groups.group_keys`) have rows on several sides of the split in `column`."""
    keys = group_keys(manifest.table, manifest.path)
    return int((manifest.table[column].groupby(keys, sort=False).nunique() > 1).sum())


def _check_fractions(fractions: Mapping[str, float]) -> None:
    for name, share in fractions.items():
        if name not in SPLITS:
            raise InvalidInput(unknown_name("split", name, SPLITS))
        if not 0 <= share <= 1:
            raise InvalidInput(f"a share of pictures lies in 0..1. Received: {name} {share}")
    if abs(sum(fractions.values()) - 1) > SUM_TOLERANCE:
        given = ", ".join(f"{name} {share:g}" for name, share in fractions.items())
        raise InvalidInput(f"the shares of the splits must sum to 1. Received: {given or 'none'}")


def _choose(lacking: Mapping[str, float], size: int, draw: float) -> str:
    room = {name: lack for name, lack in lacking.items() if lack >= size}
    if not room:
        return max(lacking, key=lambda name: lacking[name])
    point = draw * sum(room.values())
    for name, lack in room.items():
        point -= lack
        if point < 0:
            return name
    return name


def _draw(seed: int, purpose: str, key: str) -> float:
    """A number in [0, 1), uniform over seeds, purposes and keys."""
    digest = hashlib.sha256(f"{seed}\n{purpose}\n{key}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48
