"""The pictures and targets of a run: read, checked, split, fingerprinted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfiqa.databases.exif_rows import EXIF_COLUMNS, check_exif_columns
from tfiqa.databases.manifest import Manifest, concatenate, read_manifest, write_manifest
from tfiqa.databases.picture_check import PictureCheck, check_pictures
from tfiqa.databases.splits import split_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.images.resize import parse_policy
from tfiqa.training.recipe import Recipe
from tfiqa.training.run_folder import RunFolder, write_csv, write_json

SHOWN_PROBLEMS = 3
DISTRIBUTIONS = {"scene_logits"}  # outputs whose targets are shares of labels: 1/k each, or 1 each and divided here
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingData:
    """Everything a run sees.

    Args:
        manifest: the usable rows, with their split.
        skipped: the rows left out: image and error.
        checks: what was found on each picture of the manifests, in order, with its split.
        sources: the manifests' files.
        fingerprint: SHA-256 over pictures, targets and split, in order.
    """

    manifest: Manifest
    skipped: pd.DataFrame
    checks: pd.DataFrame
    sources: tuple[Path, ...]
    fingerprint: str

    def rows(self, split: str) -> Manifest:
        """The rows of one split."""
        return replace(
            self.manifest, table=self.manifest.table[self.manifest.table["split"] == split].reset_index(drop=True)
        )

    def counts(self) -> dict[str, int]:
        """Pictures in each split."""
        return {split: len(self.rows(split).table) for split in ("train", "validation", "test")}

    def copies_across_splits(self) -> int:
        """How many files are in several splits under different names."""
        usable = self.checks[self.checks["error"].isna()]
        return int((usable.groupby("sha256")["split"].nunique() > 1).sum())

    def write(self, folder: RunFolder) -> None:
        """Writes the data's files into a run folder."""
        write_manifest(self.manifest, folder.manifest)
        write_csv(folder.pictures, self.checks)
        if len(self.skipped):
            write_csv(folder.skipped, self.skipped)
        write_json(folder.data, self.summary())

    def summary(self) -> dict[str, Any]:
        """What `data.json` holds."""
        return {
            "manifests": [str(path) for path in self.sources],
            "score_scale": self.manifest.scale.to_dict(),
            "pictures": self.counts(),
            "skipped": len(self.skipped),
            "fingerprint": self.fingerprint,
        }


def targets_of(manifest: Manifest, targets: dict[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
    """For each trained output the target columns, float32 (N, columns); rows of `DISTRIBUTIONS` sum to 1."""
    values = {name: manifest.table[list(columns)].to_numpy(np.float64) for name, columns in targets.items()}
    for name in DISTRIBUTIONS & targets.keys():
        values[name] = values[name] / values[name].sum(axis=1, keepdims=True)
    return {name: each.astype(np.float32) for name, each in values.items()}


def _check_distributions(manifest: Manifest, targets: dict[str, tuple[str, ...]]) -> None:
    """Raises ManifestError where a row of labels has a negative one, or none at all."""
    for name in DISTRIBUTIONS & targets.keys():
        labels = manifest.table[list(targets[name])].to_numpy(np.float64)
        bad = np.flatnonzero((labels < 0).any(axis=1) | ~(labels > 0).any(axis=1))
        if len(bad):
            first = ", ".join(str(row + 2) for row in bad[:SHOWN_PROBLEMS])  # as a spreadsheet numbers them
            raise ManifestError(
                f"{manifest.name}: {len(bad)} of {len(labels)} pictures have no label or a negative one among "
                f"{targets[name][0]} ... {targets[name][-1]} (row {first}{' ...' if len(bad) > SHOWN_PROBLEMS else ''})"
            )


def load_training_data(
    recipe: Recipe, sources: Sequence[Path], *, previous: Path | None = None, progress: Progress | None = None
) -> TrainingData:
    """Reads, validates and checks the manifests' pictures, and splits them.

    Args:
        recipe: says which columns are needed, how large a picture must be, and what to do with bad ones.
        sources: manifests; where they carry no `split` column the recipe's fractions decide.
        previous: the `pictures.csv` of the run that is resumed; files unchanged in size and time are not decoded again.
        progress: called with (done, all) while pictures are checked.

    Raises ManifestError for the manifests, InvalidInput for bad pictures when the recipe says "stop".
    """
    stop = recipe.data.on_bad_picture == "stop"
    manifests = [read_manifest(source, required=recipe.columns(), check_files=stop) for source in sources]
    if recipe.spec.exif:
        check_exif_columns(manifests)
    for each in manifests:
        _check_distributions(each, dict(recipe.spec.targets))
    manifest = concatenate(manifests) if len(manifests) > 1 else manifests[0]
    if "split" not in manifest.table:
        manifest = split_manifest(manifest, recipe.split.fractions(), recipe.split.seed)

    checks = _check(manifest.picture_paths(), recipe, previous, progress).assign(
        split=manifest.table["split"].to_numpy()
    )
    bad = checks["error"].notna().to_numpy()
    if bad.any() and stop:
        shown = "; ".join(checks["error"][bad].iloc[:SHOWN_PROBLEMS])
        raise InvalidInput(
            f"{bad.sum()} of {len(bad)} pictures cannot be used: {shown}"
            f"{' ...' if bad.sum() > SHOWN_PROBLEMS else ''} (--set data.on_bad_picture=skip leaves them out)"
        )
    skipped = pd.DataFrame({"image": manifest.table["image"][bad].to_list(), "error": checks["error"][bad].to_list()})
    usable = replace(manifest, table=manifest.table[~bad].reset_index(drop=True))
    if not (usable.table["split"] == "train").any():
        first = f"; the first of {bad.sum()} bad ones: {checks['error'][bad].iloc[0]}" if bad.any() else ""
        raise ManifestError(f"no usable picture is left to train on{first}")
    kept = checks[~bad]
    return TrainingData(
        usable,
        skipped,
        checks,
        tuple(Path(source).resolve() for source in sources),
        _fingerprint(usable, kept["sha256"], recipe),
    )


def _check(paths: Sequence[Path], recipe: Recipe, previous: Path | None, progress: Progress | None) -> pd.DataFrame:
    """One row a picture: path, bytes, modified, width, height, sha256, needs_pillow, error."""
    known: dict[tuple[str, int, int], dict[str, Any]] = {}
    if previous is not None and previous.is_file():
        table = pd.read_csv(previous, dtype={"path": str, "sha256": str, "error": str})
        table["error"] = table["error"].astype(object).where(table["error"].notna(), None)
        known = {(row["path"], row["bytes"], row["modified"]): _named(row) for row in table.to_dict("records")}
    stamps = [_stamp(path) for path in paths]
    fresh = [path for path, stamp in zip(paths, stamps, strict=True) if (str(path), *stamp) not in known]
    found = {check.path: check for check in check_pictures(fresh, max_pixels=recipe.data.max_pixels, progress=progress)}
    rows = []
    for path, stamp in zip(paths, stamps, strict=True):
        rows.append(known.get((str(path), *stamp)) or _row(found[path], stamp, recipe))
    return pd.DataFrame(rows)


def _named(row: dict[Hashable, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _row(check: PictureCheck, stamp: tuple[int, int], recipe: Recipe) -> dict[str, Any]:
    error = check.error
    if check.height is not None and check.width is not None:
        policy = parse_policy(recipe.data.resize or recipe.spec.protocol.resize)
        try:
            shorter = min(policy.output_size(check.height, check.width))
            if shorter < recipe.data.crop:
                error = f"{check.path}: {shorter} pixels on a side, too small for crops of {recipe.data.crop}"
        except InvalidInput as refusal:
            error = f"{check.path}: {refusal}"
    values = {**asdict(check), "path": str(check.path), "bytes": stamp[0], "modified": stamp[1], "error": error}
    values.pop("ok")
    return values


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _fingerprint(manifest: Manifest, digests: pd.Series[str], recipe: Recipe) -> str:
    exif = [column for column in EXIF_COLUMNS if column in manifest.table] if recipe.spec.exif else []
    columns = ["split", *recipe.columns()[1:], *exif]
    digest = hashlib.sha256()
    for picture, values in zip(digests, manifest.table[columns].itertuples(index=False), strict=True):
        digest.update(repr((picture, *values)).encode())
    return digest.hexdigest()
