"""The EXIF numbers of a manifest's pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import ManifestError
from tfiqa.images.exif import read_exif
from tfiqa.images.exif_encoding import EXIF_VECTOR, encode_exif
from tfiqa.in_order import map_in_order

EXIF_COLUMNS = tuple(f"exif_{name}" for name in EXIF_VECTOR)


def exif_rows(manifest: Manifest) -> NDArray[np.float64]:
    """The numbers (N, 8) in the order of `EXIF_VECTOR`, not normalised, NaN where missing: the columns `exif_*` where the
    manifest has any of them, else each picture's own EXIF.

    Raises:
        ManifestError: the manifest has some of the columns only.
        PictureError: a picture cannot be read.
    """
    if not has_exif_columns(manifest):
        found = map_in_order(lambda path: encode_exif(read_exif(path)), manifest.picture_paths(), os.cpu_count() or 1)
        return np.stack(list(found))
    return manifest.table[list(EXIF_COLUMNS)].apply(pd.to_numeric).to_numpy(np.float64)


def has_exif_columns(manifest: Manifest) -> bool:
    """Whether the manifest has the columns `exif_*`. Raises ManifestError when it has some of them only."""
    present = [column for column in EXIF_COLUMNS if column in manifest.table]
    lacking = [column for column in EXIF_COLUMNS if column not in manifest.table]
    if present and lacking:
        raise ManifestError(f"{manifest.name} has {present[0]} but no {lacking[0]}; all or none of the EXIF columns")
    return bool(present)


def check_exif_columns(manifests: Sequence[Manifest]) -> None:
    """Raises ManifestError when some of the manifests have EXIF columns and others not: joined, the photographs of the
    others would count as having none."""
    having = {has_exif_columns(manifest): manifest.name for manifest in manifests}
    if len(having) > 1:
        raise ManifestError(f"{having[True]} has EXIF columns, {having[False]} has none; all of the manifests or none")
