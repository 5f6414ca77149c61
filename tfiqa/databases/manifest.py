"""The manifest: one row a picture with its score, what the score means, and what must stay together in a split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfiqa.databases.groups import absolute_paths, group_keys
from tfiqa.databases.table_file import parse_numbers, read_table, typed_table, write_table
from tfiqa.databases.validation import SCALE_COLUMNS, validate_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.models.deepfl import MEASURES
from tfiqa.score_scale import ScoreScale

UNKNOWN_SCALE = ScoreScale(None, None, True, "score")
PATH_COLUMNS = ("image", "reference")
TEXT_COLUMNS = frozenset(
    {
        *PATH_COLUMNS,
        "group",
        "split",
        "official_split",
        "database",
        "distortion",
        "boxes",
        "box_scores",
        "scale_direction",
        "scale_unit",
    }
)


@dataclass(frozen=True, eq=False)
class Manifest:
    """Pictures and their scores.

    Args:
        table: one row a picture, index 0, 1, 2, ... Columns: `image` (path, relative to the manifest's folder or
            absolute), `score` (float64); optional `score_std`, `reference` (path of the undistorted picture, by the
            same rule), `group` (what must not straddle a split), `split` (train, validation or test), `database`,
            `distortion`, `level`, `brightness`, `colorfulness`, `contrast`, `noisiness`, `sharpness`, `scene_*`,
            `exif_*`, `boxes` and `box_scores` (JSON), the full-reference measures of `models.deepfl.MEASURES` (float64), and
            any others. The columns `scale_*` of a file are not among
            them: they are `scale`.
        path: the manifest's file, or None for one that is only in memory.
        scale: what the scores mean.
    """

    table: pd.DataFrame
    path: Path | None
    scale: ScoreScale

    def __len__(self) -> int:
        return len(self.table)

    @property
    def name(self) -> str:
        """The manifest's file, or "manifest", for messages."""
        return str(self.path) if self.path else "manifest"

    def picture_paths(self) -> list[Path]:
        """The absolute path of every picture, in the order of the rows. Symbolic links are kept as they are."""
        return [Path(picture) for picture in absolute_paths(self.table["image"], self.path)]


def read_manifest(
    path: str | os.PathLike[str], *, required: Sequence[str] = ("image",), check_files: bool = False
) -> Manifest:
    """Reads a manifest from CSV (UTF-8 with or without BOM; comma, semicolon or tab) or Parquet, by the file's ending.

    The scale is that of the constant columns `scale_low`, `scale_high`, `scale_direction` (higher or lower: which is
    better) and `scale_unit`; without them, that of the database named in the column `database`; else unknown, higher is
    better. Columns known to be text stay text whatever they hold.

    Args:
        path: the file.
        required: columns that must be there and filled in every row; see `validate_manifest`.
        check_files: whether every picture must exist as a file.

    Raises:
        ManifestError: one line with everything that `validate_manifest` finds, or why the file cannot be read.
    """
    path = Path(path)
    return manifest_from_table(read_table(path), path, required=required, check_files=check_files)


def manifest_from_table(
    raw: pd.DataFrame, path: Path, *, required: Sequence[str] = ("image",), check_files: bool = False
) -> Manifest:
    """The manifest of a table as `read_table` gives it; arguments and errors as in `read_manifest`."""
    table = typed_table(raw, TEXT_COLUMNS)
    validate_manifest(table, path, required=required, check_files=check_files)
    scale = scale_of(table, path)
    table = table.drop(columns=[column for column in SCALE_COLUMNS if column in table]).reset_index(drop=True)
    for column in ("score", *MEASURES):
        if column in table:
            table[column] = parse_numbers(table[column])[0]
    return Manifest(table, path, scale)


def write_manifest(manifest: Manifest, path: str | os.PathLike[str]) -> None:
    """Writes a manifest as CSV or Parquet by the ending, whole or not at all, with its scale in the columns `scale_*`.

    Paths beneath the new file's folder become relative to it, others absolute. The numbers of a CSV file read back
    exactly.

    Raises:
        ManifestError: the ending is neither .csv nor .parquet.
        StorageError: the system refuses.
    """
    path = Path(path)
    folder = os.path.abspath(path.parent)
    scale = manifest.scale
    table = _with_absolute_paths(manifest)
    for column in PATH_COLUMNS:
        if column in table:
            table[column] = table[column].map(lambda picture: _beneath(picture, folder), na_action="ignore")
    table["scale_low"] = scale.low
    table["scale_high"] = scale.high
    table["scale_direction"] = "higher" if scale.higher_is_better else "lower"
    table["scale_unit"] = scale.unit
    write_table(table, path)


def concatenate(manifests: Sequence[Manifest]) -> Manifest:
    """One manifest of all rows, in order, with absolute paths and no file of its own.

    Groups of different manifests never meet: names of groups get the manifest's database, or its file's name, in front.
    Only manifests of the same database keep common groups. Where any manifest has groups, rows of the others that have
    a reference get it as their group.

    Raises:
        ManifestError: nothing to join; the scales differ; some have splits and others not; or the result is not a sound
            manifest, such as when a picture is in two of them.
    """
    if not manifests:
        raise ManifestError("no manifest to join")
    first = manifests[0]
    for other in manifests[1:]:
        if other.scale != first.scale:
            raise ManifestError(
                f"scores of different scales cannot be joined: {first.name} ({first.scale}) and "
                f"{other.name} ({other.scale})"
            )
    names = ", ".join(manifest.name for manifest in manifests)
    if len({"split" in manifest.table for manifest in manifests}) > 1:
        lacking = [manifest.name for manifest in manifests if "split" not in manifest.table]
        raise ManifestError(f"cannot join {names}: {lacking[0]} has no column 'split', others have")
    tables = [_with_absolute_paths(manifest) for manifest in manifests]
    if any("group" in table or "reference" in table for table in tables):
        for table, label in zip(tables, _labels(manifests), strict=True):
            keys = group_keys(table)
            table["group"] = (label + ":" + keys).where(~keys.str.startswith("image "))
    table = pd.concat(tables, ignore_index=True)
    try:
        validate_manifest(table, None, required=("image",), check_files=False)
    except ManifestError as error:
        raise ManifestError(f"cannot join {names}: {error}") from error
    return Manifest(table, None, first.scale)


def scale_of(table: pd.DataFrame, path: Path) -> ScoreScale:
    """The scale that a validated table's `scale_*` columns or `database` column tell.

    Raises:
        ManifestError: the rows are of databases with different scales, or the bounds are not in order.
    """
    if "scale_direction" in table:
        try:
            return _written_scale(table)
        except InvalidInput as error:
            raise ManifestError(f"{path}: {error}") from error
    if "database" not in table:
        return UNKNOWN_SCALE
    from tfiqa.databases.reader import READERS  # readers make manifests, so they import this module

    scales = {
        str(name): READERS.get(name).value.scale if name in READERS else UNKNOWN_SCALE
        for name in table["database"].unique()
    }
    if len(set(scales.values())) > 1:
        told = "; ".join(f"{name}: {scale}" for name, scale in scales.items())
        raise ManifestError(f"{path}: its rows are on different scales ({told}); make one manifest a scale")
    return next(iter(scales.values()))


def _written_scale(table: pd.DataFrame) -> ScoreScale:
    row = table.iloc[0]

    def bound(column: str) -> float | None:
        return None if pd.isna(row.get(column)) else float(row[column])

    unit = row.get("scale_unit")
    return ScoreScale(
        bound("scale_low"),
        bound("scale_high"),
        row["scale_direction"] == "higher",
        UNKNOWN_SCALE.unit if pd.isna(unit) else str(unit),
    )


def _with_absolute_paths(manifest: Manifest) -> pd.DataFrame:
    table = manifest.table.copy()
    for column in PATH_COLUMNS:
        if column in table:
            filled = table[column].notna()
            table.loc[filled, column] = absolute_paths(table.loc[filled, column], manifest.path)
    return table


def _beneath(picture: str, folder: str) -> str:
    relative = os.path.relpath(picture, folder)
    return picture if relative.split(os.sep)[0] == os.pardir else Path(relative).as_posix()


def _labels(manifests: Sequence[Manifest]) -> list[str]:
    """What tells the groups of the manifests apart: the database where one is named, else the file's name or place."""
    databases = [set(manifest.table["database"]) if "database" in manifest.table else set() for manifest in manifests]
    names = [
        manifest.path.stem if manifest.path else f"manifest {place}"
        for place, manifest in enumerate(manifests, start=1)
    ]
    common = {name for name, count in Counter(names).items() if count > 1}
    labels = []
    for manifest, database, name in zip(manifests, databases, names, strict=True):
        if len(database) == 1 and pd.notna(next(iter(database))):
            labels.append(str(next(iter(database))))
        else:
            labels.append(os.path.abspath(manifest.path or name) if name in common else name)
    return labels
