"""A manifest together with where its pictures are: files of their own, or a packed folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest, concatenate, read_manifest
from tfiqa.databases.validation import validate_manifest
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.pipelines.records.packed_picture import Source, packed_pictures
from tfiqa.pipelines.records.reader import read_records
from tfiqa.pipelines.records.schema import ENCODED
from tfiqa.pipelines.records.shard_list import SHARDS_FILE

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class LabelledPictures:
    """Rows and their pictures.

    Args:
        manifest: the rows.
        sources: the picture of each row.
    """

    manifest: Manifest
    sources: tuple[Source, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> LabelledPictures:
        """A manifest whose pictures are files."""
        return cls(manifest, tuple(manifest.picture_paths()))

    def __len__(self) -> int:
        return len(self.sources)

    def where(self, chosen: NDArray[np.bool_]) -> LabelledPictures:
        """The rows that a mask (N,) chooses."""
        table = self.manifest.table[chosen].reset_index(drop=True)
        kept = tuple(source for source, is_chosen in zip(self.sources, chosen, strict=True) if is_chosen)
        return LabelledPictures(replace(self.manifest, table=table), kept)


def read_labelled_pictures(
    path: Path, *, required: Sequence[str] = ("image",), check_files: bool = False, progress: Progress | None = None
) -> LabelledPictures:
    """The rows and pictures of a manifest's file, or of a folder that `tfiqa data pack` or `extract weak-labels` wrote.

    Args:
        path: the file or the folder.
        required: columns that must be there and filled in every row.
        check_files: whether every picture must exist as a file.
        progress: called with (done, all) while a folder's records are read.

    Raises ManifestError for a manifest, DatabaseLayoutError or InvalidInput for a folder that cannot be used.
    """
    if not path.is_dir():
        return LabelledPictures.of(read_manifest(path, required=required, check_files=check_files))
    records = read_records(path)
    if ENCODED not in {feature.name for feature in records.features}:
        raise DatabaseLayoutError(
            f"{path} holds features in place of pictures, for regression heads (`tfiqa fit deepfl_head`); give the pictures "
            "that they were made of"
        )
    # The list of shards stands for the manifest's file, so that the pictures' keys count from the folder.
    manifest = replace(records.manifest(progress), path=path / SHARDS_FILE)
    validate_manifest(manifest.table, path, required=required, check_files=False)
    return LabelledPictures(manifest, tuple(packed_pictures(records, manifest.table["image"].tolist())))


def join(parts: Sequence[LabelledPictures]) -> LabelledPictures:
    """One of all rows, in order; a single one as it is.

    Raises ManifestError as `concatenate` does, and when packed folders without a split hold versions of the same pictures:
    their keys count from their own folders, so that a split could not keep them together.
    """
    if len(parts) == 1:
        return parts[0]
    packed = [part.manifest for part in parts if part.manifest.path and part.manifest.path.name == SHARDS_FILE]
    for one, other in combinations(packed, 2):
        tables = one.table, other.table
        if all("reference" in table and "split" not in table for table in tables):
            common = sorted(set(tables[0]["reference"].dropna()) & set(tables[1]["reference"].dropna()))
            if common:
                raise ManifestError(
                    f"{one.name} and {other.name} hold versions of {len(common)} same pictures, such as {common[0]}, which a "
                    "split must keep together: pack them from manifests with a column 'split'"
                )
    manifest = concatenate([part.manifest for part in parts])
    return LabelledPictures(manifest, tuple(source for part in parts for source in part.sources))
