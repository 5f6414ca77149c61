"""The pictures and targets of a run: read, checked, split, fingerprinted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.box_rows import BOX_COLUMNS, box_rows
from tfiqa.databases.exif_rows import EXIF_COLUMNS, check_exif_columns
from tfiqa.databases.manifest import Manifest, write_manifest
from tfiqa.databases.rescaling import Rescaling, database_names, oriented, rescale
from tfiqa.databases.splits import split_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.features.scenes.clusters import SceneTypes
from tfiqa.features.scenes.labels import numbered_scenes
from tfiqa.histogram_equalization import HistogramEqualization
from tfiqa.pipelines.labelled_pictures import LabelledPictures, join, read_labelled_pictures
from tfiqa.training.checked_pictures import Progress, check_sources, held_out_errors
from tfiqa.training.recipe import Recipe
from tfiqa.training.run_folder import RunFolder, write_csv, write_json
from tfiqa.training.scene_labels import cluster_scenes
from tfiqa.training.targets import check_distributions, targets_of
from tfiqa.training.too_large import large_ones_to_test

SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class TrainingData:
    """Everything a run sees.

    Args:
        pictures: the usable rows, with their split.
        skipped: the rows left out: image and error.
        checks: what was found on each picture of the manifests, in order, with its split.
        sources: the manifests' files.
        fingerprint: SHA-256 over pictures, targets and split, in order.
        equalization: of the targets, fitted on the rows to train on; None for targets as they are.
        sizes: heights and widths of the pictures, (N, 2).
        moved: how many of them are in the test set only because they, or others of their group, are too large for the padding
            in training.
        rescalings: how the scores of each database became those of the rows; none where they are as they were.
        scenes: the types of scenes that clustering found in the rows to train on; None where the manifests label them, or the
            model learns none.
        scenes_replaced: whether the manifests had such labels too, which are not used.
    """

    pictures: LabelledPictures
    skipped: pd.DataFrame
    checks: pd.DataFrame
    sources: tuple[Path, ...]
    fingerprint: str
    sizes: NDArray[np.int64]
    moved: int = 0
    equalization: HistogramEqualization | None = None
    rescalings: tuple[Rescaling, ...] = ()
    scenes: SceneTypes | None = None
    scenes_replaced: bool = False

    @property
    def manifest(self) -> Manifest:
        """The rows."""
        return self.pictures.manifest

    def rows(self, split: str) -> LabelledPictures:
        """The rows of one split."""
        return self.pictures.where((self.manifest.table["split"] == split).to_numpy())

    def sizes_of(self, split: str) -> NDArray[np.int64]:
        """Heights and widths of the pictures of one split, (N, 2)."""
        return self.sizes[(self.manifest.table["split"] == split).to_numpy()]

    def counts(self) -> dict[str, int]:
        """Pictures in each split."""
        return {split: int((self.manifest.table["split"] == split).sum()) for split in ("train", "validation", "test")}

    def targets(self, rows: Manifest, targets: Mapping[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
        """For each trained output its targets in some rows, float32 (N, columns), equalised where the run equalises."""
        if self.equalization is not None:
            names = [column for columns in targets.values() for column in columns]
            rows = replace(rows, table=rows.table.assign(**self.equalization.transform(rows.table[names])))
        return targets_of(rows, targets)

    def databases(self, rows: LabelledPictures) -> pd.Series[str] | None:
        """The database of each of some rows, where scores of different ones do not compare; None where all do."""
        return rows.manifest.table["database"] if self.rescalings else None

    def copies_across_splits(self) -> int:
        """How many files are in several splits under different names."""
        usable = self.checks[self.checks["error"].isna()]
        return int((usable.groupby("sha256")["split"].nunique() > 1).sum())

    def write(self, folder: RunFolder) -> None:
        """Writes the data's files into a run folder."""
        write_manifest(self.manifest, folder.manifest)
        if self.equalization is not None:
            self.equalization.save(folder.equalization)
        if self.scenes is not None:
            self.scenes.save(folder.scenes)
        write_csv(folder.pictures, self.checks)
        if len(self.skipped):
            write_csv(folder.skipped, self.skipped)
        write_json(folder.data, self.summary())

    def summary(self) -> dict[str, Any]:
        """What `data.json` holds."""
        return {
            "manifests": [str(path) for path in self.sources],
            "score_scale": self.manifest.scale.to_dict(),
            **({"databases": [each.to_dict() for each in self.rescalings]} if self.rescalings else {}),
            "pictures": self.counts(),
            "skipped": len(self.skipped),
            "fingerprint": self.fingerprint,
        }


def load_training_data(
    recipe: Recipe, sources: Sequence[Path], *, previous: Path | None = None, progress: Progress | None = None
) -> TrainingData:
    """Reads, validates and checks the manifests' pictures, and splits them.

    Args:
        recipe: says which columns are needed, how large a picture must be, and what to do with bad ones.
        sources: manifests, or packed folders; where they carry no `split` column the recipe's fractions decide.
        previous: the `pictures.csv` of the run that is resumed; files unchanged in size and time are not decoded again.
        progress: called with (done, all) while pictures are checked, and again while they are described, where scenes are
            clustered.

    Raises ManifestError for the manifests, InvalidInput for bad pictures when the recipe says "stop".
    """
    stop = recipe.data.on_bad_picture == "stop"
    parts = [_part(source, recipe) for source in sources]
    if recipe.spec.exif:
        check_exif_columns([part.manifest for part in parts])
    for part in parts:
        check_distributions(part.manifest, recipe)
        if recipe.data.boxes:
            box_rows(part.manifest)  # before any picture is decoded
    names = database_names([part.manifest for part in parts], sources) if recipe.joins_scales else []
    pictures = _joined(parts, names) if recipe.joins_scales else join(parts)
    if "split" not in pictures.manifest.table:
        within = "database" if recipe.joins_scales else None
        split = split_manifest(pictures.manifest, recipe.split.fractions(), recipe.split.seed, within=within)
        pictures = replace(pictures, manifest=split)

    checks = check_sources(pictures.sources, recipe, previous, progress)
    pictures, moved = large_ones_to_test(pictures, checks, recipe)
    table = pictures.manifest.table
    checks["split"] = table["split"].to_numpy()
    checks["error"] = held_out_errors(pictures.manifest, checks, recipe)
    bad = checks["error"].notna().to_numpy()
    if bad.any() and stop:
        shown = "; ".join(checks["error"][bad].iloc[:SHOWN_PROBLEMS])
        raise InvalidInput(
            f"{bad.sum()} of {len(bad)} pictures cannot be used: {shown}"
            f"{' ...' if bad.sum() > SHOWN_PROBLEMS else ''} (--set data.on_bad_picture=skip leaves them out)"
        )
    skipped = pd.DataFrame({"image": table["image"][bad].to_list(), "error": checks["error"][bad].to_list()})
    usable = pictures.where(~bad)
    training = usable.manifest.table[usable.manifest.table["split"] == "train"]
    if training.empty:
        first = f"; the first of {bad.sum()} bad ones: {checks['error'][bad].iloc[0]}" if bad.any() else ""
        large = f"; {moved.sum()} are test pictures for being larger than {recipe.training_resize} takes"
        raise ManifestError(f"no usable picture is left to train on{large if moved.any() else ''}{first}")
    rescalings: tuple[Rescaling, ...] = ()
    if recipe.joins_scales:
        usable, rescalings = _rescaled(
            usable, {name: part for part, own in zip(parts, names, strict=True) for name in own}
        )
    scenes = None
    labelled = bool(numbered_scenes(usable.manifest.table))
    if recipe.clustered_columns:
        usable, scenes = cluster_scenes(usable, recipe, progress)
    kept = checks[~bad]
    return TrainingData(
        usable,
        skipped,
        checks,
        tuple(Path(source).resolve() for source in sources),
        _fingerprint(usable.manifest, kept["sha256"], recipe),
        sizes=kept[["height", "width"]].to_numpy(np.int64),
        moved=int((moved & ~bad).sum()),
        equalization=_equalization(training, recipe) if recipe.data.equalize else None,
        rescalings=rescalings,
        scenes=scenes,
        scenes_replaced=scenes is not None and labelled,
    )


def _part(source: Path, recipe: Recipe) -> LabelledPictures:
    stop = recipe.data.on_bad_picture == "stop"
    try:
        return read_labelled_pictures(source, required=recipe.columns(), check_files=stop)
    except ManifestError as error:
        if "score_std is missing" not in str(error) and "'score_std' is missing" not in str(error):
            raise
        raise ManifestError(
            f"{error} (`tfiqa data deviations` estimates them; --set pairs.labels=binary does without)"
        ) from error


def _joined(parts: Sequence[LabelledPictures], names: Sequence[NDArray[np.object_]]) -> LabelledPictures:
    """All rows, with oriented scores, and in the column `database` what tells the databases apart."""
    pictures = join([replace(part, manifest=oriented(part.manifest)) for part in parts])
    table = pictures.manifest.table.assign(database=np.concatenate(names))
    return replace(pictures, manifest=replace(pictures.manifest, table=table))


def _rescaled(
    pictures: LabelledPictures, part_of: Mapping[str, LabelledPictures]
) -> tuple[LabelledPictures, tuple[Rescaling, ...]]:
    """The rows with scores of 0..100 in those to train on, and how each database's came about."""
    table = pictures.manifest.table
    rescaled, limits = rescale(table, (table["split"] == "train").to_numpy())
    rescalings = tuple(
        Rescaling(name, part_of[name].manifest.name, part_of[name].manifest.scale, low, high)
        for name, (low, high) in limits.items()
    )
    return replace(pictures, manifest=replace(pictures.manifest, table=rescaled)), rescalings


def _equalization(training: pd.DataFrame, recipe: Recipe) -> HistogramEqualization:
    from tfiqa.full_reference import higher_is_better

    names = recipe.target_columns
    return HistogramEqualization.fit(training, names, higher_is_better(names))


def _fingerprint(manifest: Manifest, digests: pd.Series[str], recipe: Recipe) -> str:
    exif = [column for column in EXIF_COLUMNS if column in manifest.table] if recipe.spec.exif else []
    database = ["database"] if recipe.joins_scales else []
    boxes = BOX_COLUMNS if recipe.data.boxes else ()
    columns = ["split", *recipe.columns()[1:], *recipe.clustered_columns, *exif, *database, *boxes]
    digest = hashlib.sha256()
    for picture, values in zip(digests, manifest.table[columns].itertuples(index=False), strict=True):
        digest.update(repr((picture, *values)).encode())
    return digest.hexdigest()
