"""From what a user names (files, folders, patterns) to picture files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tfiqa.errors import InvalidInput

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def find_pictures(paths: Iterable[str | Path]) -> list[Path]:
    """The picture files that some paths stand for, each once.

    Args:
        paths: a file stands for itself, whatever its suffix, and so does a path without *, ? or [ that does not exist:
            reading it will say so. A folder stands for the files with a picture suffix (PICTURE_SUFFIXES, in any letter
            case) in it and below it, without names that begin with a dot. A pattern (*, ?, [...], and ** for any depth)
            stands for the files with a picture suffix that match it.

    Returns:
        The files in the order of the arguments, those of one folder or pattern sorted.

    Raises:
        InvalidInput: for a folder or pattern without pictures, or a folder that cannot be searched.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for file in _expanded(os.fspath(path)):
            found.setdefault(os.path.abspath(file), file)
    return list(found.values())


def is_picture_name(name: str | Path) -> bool:
    """Whether a file name has a picture suffix, in any letter case."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES


def _expanded(path: str) -> list[Path]:
    if not path:
        raise InvalidInput("an empty path names no picture")
    if os.path.isdir(path):
        files = sorted(_pictures_below(path))
        kind = "folder"
    elif os.path.lexists(path) or not glob.has_magic(path):
        return [Path(path)]
    else:
        matches = glob.iglob(path, recursive=True)
        files = sorted(Path(match) for match in matches if is_picture_name(match) and not os.path.isdir(match))
        kind = "pattern"
    if not files:
        raise InvalidInput(f"{kind} {path} has no pictures ({' '.join(suffix[1:] for suffix in PICTURE_SUFFIXES)})")
    return files


def _pictures_below(folder: str) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InvalidInput(f"folder {error.filename} cannot be searched: {error.strerror}") from error

    seen = set()  # folders by their true path, since links may lead in circles
    for current, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        true_path = os.path.realpath(current)
        if true_path in seen:
            folders.clear()
            continue
        seen.add(true_path)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(current, name) for name in names if is_picture_name(name) and not name.startswith("."))
