"""The pictures that are competed on, and each score file's scores of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.groups import absolute_paths, group_keys
from tfiqa.databases.manifest import Manifest, read_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.evaluation.gmad.score_file import ScoreFile
from tfiqa.images.discovery import find_pictures
from tfiqa.pipelines.records.shard_list import SHARDS_FILE

SLACK = 1e-9  # share of the scale by which rounding may carry a score beyond it


@dataclass(frozen=True, eq=False)
class Playground:
    """Pictures in the order of their names.

    Args:
        root: the folder where relative names start.
        pictures: (N,) names: paths with `/` from the root, absolute outside it.
        manifest: rows in the order of `pictures`, where a manifest lists them.
    """

    root: Path
    pictures: list[str]
    manifest: Manifest | None = None

    def paths(self) -> list[Path]:
        """The pictures' files."""
        return [self.root / name for name in self.pictures]

    def groups(self) -> NDArray[np.int64]:
        """(N,) a number a picture that is equal for pictures of the same `group` or `reference`.

        Raises InvalidInput when there is no manifest with such a column.
        """
        if self.manifest is None or not {"group", "reference"} & set(self.manifest.table):
            raise InvalidInput(
                "to tell contents apart, --data must be a manifest with the column group or reference "
                f"(here: {self.manifest.name if self.manifest else self.root})"
            )
        return pd.factorize(group_keys(self.manifest.table, self.manifest.path))[0]

    def opinions(self) -> pd.DataFrame | None:
        """The manifest's opinion scores in per cent of their scale: index the pictures, columns `score` (higher is better)
        and `score_std`, NaN where unknown. None without any.

        Where the scale's ends are unknown, those of the scores stand for them. Raises ManifestError for scores beyond the
        scale.
        """
        if self.manifest is None or "score" not in self.manifest.table:
            return None
        table, scale = self.manifest.table, self.manifest.scale
        known = table["score"].dropna()
        if known.empty:
            return None
        low, high = (
            known.agg(end) if told is None else told for end, told in (("min", scale.low), ("max", scale.high))
        )
        beyond = known[(known < low - SLACK * (high - low)) | (known > high + SLACK * (high - low))]
        if len(beyond):
            raise ManifestError(
                f"{self.manifest.name}: {len(beyond)} of {len(known)} scores lie beyond the scale that it declares, {low:g} to "
                f"{high:g} (first: {beyond.iloc[0]:g} of {table['image'][beyond.index[0]]})"
            )
        percent = 100 / (high - low) if high > low else 0.0
        deviations = table["score_std"].astype(float) if "score_std" in table else pd.Series(np.nan, table.index)
        values = {
            "score": scale.oriented(table["score"].clip(low, high)) * percent,
            "score_std": deviations.to_numpy() * percent,
        }
        return pd.DataFrame(values, index=pd.Index(self.pictures, dtype=object))

    def only(self, kept: NDArray[np.bool_]) -> Playground:
        """The pictures where `kept` (N,) is true."""
        pictures = [name for name, is_kept in zip(self.pictures, kept, strict=True) if is_kept]
        if self.manifest is None:
            return Playground(self.root, pictures)
        table = self.manifest.table[kept].reset_index(drop=True)
        return Playground(self.root, pictures, replace(self.manifest, table=table))

    def scores_of(self, file: ScoreFile) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(N,) the file's scores of the pictures, and (N,) whether it names them; scores are NaN where it does not.

        Relative paths in the file start from the playground's root, from the file's own folder, from the current one or from
        the deepest folder that holds all pictures: from wherever they name most of the pictures.

        Raises:
            InvalidInput: the file names none of the pictures.
            ManifestError: it names a picture twice.
        """
        index = pd.Index(self.pictures, dtype=object)
        best = np.full(len(file.images), -1)
        for root in self._starts(file):
            names = _names(absolute_paths(file.images, root / "file"), self.root)
            places = index.get_indexer(pd.Index(names, dtype=object))
            if np.count_nonzero(places >= 0) > np.count_nonzero(best >= 0):
                best = places
            if (best >= 0).all():
                break
        hit = best >= 0
        if not hit.any():
            raise InvalidInput(
                f"{file.path} scores none of the {len(self.pictures)} pictures. It has {len(file.images)}, such as "
                f"{file.images.iloc[0]}; looked for: {self.pictures[0]} and so on beneath {self.root}"
            )
        twice = np.flatnonzero(pd.Series(best[hit]).duplicated())
        if len(twice):
            raise ManifestError(
                f"{file.path}: {len(twice)} pictures are scored twice (first: {self.pictures[best[hit][twice[0]]]})"
            )
        scores, named = np.full(len(self.pictures), np.nan), np.zeros(len(self.pictures), bool)
        scores[best[hit]], named[best[hit]] = file.scores[hit], True
        return scores, named

    def _starts(self, file: ScoreFile) -> Iterator[Path]:
        yield self.root
        yield Path(os.path.abspath(file.path)).parent
        yield Path.cwd()
        folders = {name.rpartition("/")[0] for name in self.pictures}
        yield Path(os.path.commonpath([os.path.join(self.root, folder) for folder in folders]))


def read_playground(data: Path | None, first: ScoreFile | None = None) -> Playground:
    """The pictures of a folder (searched) or a manifest; without either those of the first score file.

    Args:
        data: folder, CSV or Parquet file.
        first: its relative paths start from the current folder.

    Raises:
        InvalidInput: no pictures, a packed folder, or neither of both given.
        ManifestError: the manifest cannot be used, or the score file names a picture twice.
    """
    if data is None:
        if first is None:
            raise InvalidInput("there are no pictures: give a folder, a manifest or a score file")
        root = Path.cwd()
        names = pd.Series(_names(absolute_paths(first.images, None), root), dtype=object)
        if names.duplicated().any():
            raise ManifestError(f"{first.path}: {names[names.duplicated()].iloc[0]} is scored twice")
        return Playground(root, sorted(names))
    if data.is_dir():
        if (data / SHARDS_FILE).is_file():
            raise InvalidInput(
                f"{data} is a packed folder, and people must see the pictures: give the manifest that it was packed from"
            )
        root = Path(os.path.abspath(data))
        return Playground(root, sorted(_names([os.path.abspath(path) for path in find_pictures([data])], root)))
    manifest = read_manifest(data)
    root = Path(os.path.abspath(data)).parent
    names = pd.Series(_names(absolute_paths(manifest.table["image"], data), root), dtype=object)
    order = np.argsort(names.to_numpy(object), kind="stable")
    table = manifest.table.iloc[order].reset_index(drop=True)
    return Playground(root, names.iloc[order].tolist(), Manifest(table, manifest.path, manifest.scale))


def _names(paths: list[str], root: Path) -> list[str]:
    start = os.path.join(root, "")
    return [path.removeprefix(start).replace(os.sep, "/") for path in paths]
