"""What is to be packed: the pictures looked at beforehand, and the keys that take the place of their paths."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from tfiqa.databases.groups import absolute_paths
from tfiqa.databases.manifest import PATH_COLUMNS, Manifest
from tfiqa.databases.picture_check import check_picture
from tfiqa.databases.reader import Progress
from tfiqa.errors import PictureError
from tfiqa.images.decode import picture_size
from tfiqa.in_order import map_in_order

# Protocol buffers end at 2 GiB; what is beside the picture in a record fits into the last MiB.
MAX_PICTURE_BYTES = 2**31 - 2**20


@dataclass(frozen=True)
class SourcePicture:
    """What was found of one picture.

    Args:
        path: of the file.
        bytes: its size; 0 when it cannot be used.
        sha256: of its bytes when it was decoded, else None.
        error: "path: reason" when it cannot be used, else None.
    """

    path: Path
    bytes: int
    sha256: str | None
    error: str | None


def look_at_pictures(
    manifest: Manifest, *, decode: bool, workers: int, progress: Progress | None
) -> list[SourcePicture]:
    """Looks at the header of every picture, in threads, in the order of the rows.

    Args:
        manifest: names the pictures.
        decode: decode every picture fully, which also finds damage behind the header.
        workers: threads.
        progress: called with (done, all) after each picture.
    """
    found = []
    for picture in map_in_order(partial(_look, decode=decode), manifest.picture_paths(), workers):
        found.append(picture)
        if progress:
            progress(len(found), len(manifest))
    return found


def with_keys(manifest: Manifest) -> pd.DataFrame:
    """The manifest's table with keys for paths: relative to the folder that holds all its pictures, with '/' between parts.

    References elsewhere begin with '..'. Other cells and all column types stay as they are.
    """
    folder = os.path.commonpath([os.path.dirname(path) for path in manifest.picture_paths()])
    table = manifest.table.copy()
    for column in PATH_COLUMNS:
        if column in table:
            filled = table[column].dropna()
            paths = absolute_paths(filled, manifest.path)
            keys = pd.Series([Path(os.path.relpath(path, folder)).as_posix() for path in paths], filled.index, object)
            table[column] = table[column].where(table[column].isna(), keys).astype(table[column].dtype)
    return table


def _look(path: Path, decode: bool) -> SourcePicture:
    sha256 = None
    try:
        picture_size(path)
        size = path.stat().st_size
        if size > MAX_PICTURE_BYTES:
            return SourcePicture(path, 0, None, f"{path}: holds {size} bytes; a record takes {MAX_PICTURE_BYTES}")
        if decode:
            check = check_picture(path)
            if check.error:
                return SourcePicture(path, 0, None, check.error)
            sha256 = check.sha256
    except (PictureError, OSError) as error:  # the latter for a file that vanishes meanwhile
        return SourcePicture(path, 0, None, str(error))
    return SourcePicture(path, size, sha256, None)
