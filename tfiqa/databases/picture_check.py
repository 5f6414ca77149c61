"""Decoding every picture once, to know before long work that all of them can be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tfiqa.databases.reader import Progress
from tfiqa.errors import PictureError
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, decode_picture, read_picture_file
from tfiqa.images.headers import needs_pillow
from tfiqa.in_order import map_in_order


@dataclass(frozen=True)
class PictureCheck:
    """What was found of one picture.

    Args:
        path: as it was given.
        ok: whether it decodes fully.
        error: "path: reason" when it does not, else None.
        width: pixels after the EXIF orientation; None when it does not decode.
        height: the same.
        sha256: of the file's bytes, in hexadecimal; None when they cannot be read.
        needs_pillow: whether the picture is beyond TensorFlow's own decoder; False when it does not decode.
    """

    path: Path
    ok: bool
    error: str | None
    width: int | None
    height: int | None
    sha256: str | None
    needs_pillow: bool


def check_pictures(
    paths: Sequence[Path],
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[PictureCheck]:
    """Decodes every picture fully, in threads, and reports on each in the order of `paths`.

    Args:
        paths: the pictures.
        max_pixels: larger pictures are errors.
        workers: threads; by default one for each processor.
        progress: called with (done, all) after each picture.
    """
    checks = []
    for check in map_in_order(partial(check_picture, max_pixels=max_pixels), paths, workers or os.cpu_count() or 1):
        checks.append(check)
        if progress:
            progress(len(checks), len(paths))
    return checks


def check_picture(path: Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> PictureCheck:
    """Decodes one picture fully."""
    digest = None
    try:
        data = read_picture_file(path, str(path))
        digest = hashlib.sha256(data).hexdigest()
        height, width, _ = decode_picture(data, name=str(path), max_pixels=max_pixels).shape
    except PictureError as error:
        return PictureCheck(path, False, str(error), None, None, digest, False)
    return PictureCheck(path, True, None, width, height, digest, needs_pillow(data))
