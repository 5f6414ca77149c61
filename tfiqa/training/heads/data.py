"""The features and scores that heads are trained on: read, checked, split, fingerprinted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.groups import group_keys
from tfiqa.databases.manifest import Manifest, concatenate, write_manifest
from tfiqa.databases.splits import split_manifest
from tfiqa.databases.validation import SPLITS, validate_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.pipelines.records.shard_list import SHARDS_FILE
from tfiqa.training.heads.head import Values
from tfiqa.training.heads.recipe import HeadRecipe
from tfiqa.training.heads.task import KEPT_REPEAT
from tfiqa.training.run_folder import RunFolder, write_csv, write_json

if TYPE_CHECKING:
    from tfiqa.features.mlsp.load import MlspFeatures

ROWS_AT_ONCE = 256  # that are gone through together


@dataclass(frozen=True, eq=False)
class HeadData:
    """Everything a run sees.

    Args:
        manifest: the pictures' rows, in order.
        splits: uint8 (repeats, N), places in SPLITS.
        pictures: one row a picture: path and sha256, as the features' folders have them.
        sources: those folders.
        model: the file of the model that the features were made with, and its SHA-256.
        views: names of the views of a picture.
        features: how many there are of a view.
        fingerprint: SHA-256 over pictures, features, scores and groups, in order.
    """

    manifest: Manifest
    splits: NDArray[np.uint8]
    pictures: pd.DataFrame
    sources: tuple[Path, ...]
    model: tuple[Path, str]
    views: tuple[str, ...]
    features: int
    fingerprint: str

    @property
    def scores(self) -> Values:
        """The scores (N,)."""
        return self.manifest.table["score"].to_numpy(np.float64)

    def kept_split(self) -> pd.Series:
        """The split of each picture in the repeat whose model is kept."""
        return pd.Series(np.array(SPLITS, object)[self.splits[KEPT_REPEAT]])

    def copies_across_splits(self) -> int:
        """How many files are in several splits of that repeat under different names."""
        return int((self.kept_split().groupby(self.pictures["sha256"]).nunique() > 1).sum())

    def summary(self, device: str | None) -> dict[str, Any]:
        """What `data.json` holds, the device of the training included."""
        counts = self.kept_split().value_counts()
        return {
            "features": [str(path) for path in self.sources],
            "model_sha256": self.model[1],
            "views": list(self.views),
            "features_of_a_view": self.features,
            "score_scale": self.manifest.scale.to_dict(),
            "pictures": {name: int(counts[name]) for name in SPLITS},
            "fingerprint": self.fingerprint,
            "device": device,
        }

    def write(self, folder: RunFolder, device: str | None) -> None:
        """Writes the data's files into a run folder; see `summary`."""
        split = self.kept_split()
        write_manifest(replace(self.manifest, table=self.manifest.table.assign(split=split)), folder.manifest)
        write_csv(folder.pictures, self.pictures.assign(split=split))
        write_json(folder.data, self.summary(device))


def read_features(sources: Sequence[Path]) -> list[MlspFeatures]:
    """Folders of `tfiqa extract mlsp`, of one model and precision and with the same views. Raises InvalidInput when they are
    not, and as `load_mlsp`."""
    from tfiqa.features import load_mlsp

    if len(set(map(Path.resolve, sources))) < len(sources):
        raise InvalidInput("a folder of features is given twice")
    parts = [load_mlsp(source) for source in sources]
    for part in parts[1:]:
        check_alike(parts[0], part)
    return parts


def head_data(recipe: HeadRecipe, parts: Sequence[MlspFeatures]) -> HeadData:
    """Checks, joins and splits what `read_features` read.

    Raises:
        InvalidInput: a feature is not finite.
        ManifestError: scores are missing or on different scales, or the pictures cannot be split as the recipe says.
    """
    first = parts[0]
    manifests = [scored_manifest(part) for part in parts]
    manifest = concatenate(manifests) if len(manifests) > 1 else manifests[0]
    splits = _splits(recipe, manifest)
    pictures = pd.concat([part.pictures[["path", "sha256"]] for part in parts], ignore_index=True)
    digest = hashlib.sha256(repr((first.model_sha256, first.views)).encode())
    keys = group_keys(manifest.table, manifest.path)
    for row in zip(pictures["sha256"], manifest.table["score"], keys, strict=True):
        digest.update(repr(row).encode())
    if recipe.split.from_manifest:
        digest.update(splits[KEPT_REPEAT].tobytes())
    for part in parts:
        for some in _pieces(part):
            if not np.isfinite(some).all():
                raise InvalidInput(f"{part.model.parent}: a feature is not finite; extract with --dtype float32")
            digest.update(some.tobytes())
    return HeadData(
        manifest,
        splits,
        pictures,
        tuple(part.model.parent.resolve() for part in parts),
        (first.model, first.model_sha256),
        first.views,
        first.features.shape[-1],
        digest.hexdigest(),
    )


def check_alike(one: MlspFeatures, other: MlspFeatures) -> None:
    """Raises InvalidInput unless both are of one model, computed in one precision, and of the same views."""
    names = f"{one.model.parent} and {other.model.parent}"
    if one.model_sha256 != other.model_sha256:
        raise InvalidInput(f"{names} hold features of different models; extract both with the same one")
    if one.precision != other.precision:
        raise InvalidInput(
            f"{names} were computed in {one.precision} and {other.precision}; extract both with the same --precision"
        )
    if one.views != other.views:
        raise InvalidInput(f"{names} hold different views of the pictures: {len(one.views)} and {len(other.views)}")


def scored_manifest(part: MlspFeatures) -> Manifest:
    """The rows, all with a score. Picture keys count from the folder, so that equal keys in two folders are different pictures.

    Raises ManifestError when a score is missing.
    """
    manifest = replace(part.manifest, path=part.model.parent / SHARDS_FILE)
    validate_manifest(manifest.table, manifest.path, required=("image", "score"), check_files=False)
    return manifest


def _pieces(part: MlspFeatures) -> Iterator[NDArray[np.floating]]:
    for start in range(0, len(part.features), ROWS_AT_ONCE):
        yield part.features[start : start + ROWS_AT_ONCE]


def _splits(recipe: HeadRecipe, manifest: Manifest) -> NDArray[np.uint8]:
    settings = recipe.split
    if settings.from_manifest:
        if "split" not in manifest.table:
            raise ManifestError(f"{manifest.name} has no column 'split', which split.from_manifest takes")
        for name in SPLITS:
            if not (manifest.table["split"] == name).any():
                raise ManifestError(f"{manifest.name} marks no row as {name!r}, which split.from_manifest needs")
        return np.tile(_codes(manifest), (settings.repeats, 1))
    return np.stack(
        [
            _codes(split_manifest(manifest, settings.fractions(), settings.seed + repeat))
            for repeat in range(settings.repeats)
        ]
    )


def _codes(manifest: Manifest) -> NDArray[np.uint8]:
    return manifest.table["split"].map(SPLITS.index).to_numpy(np.uint8)
