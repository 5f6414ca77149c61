"""Files that tfiqa writes for people to change: what somebody has changed is left alone."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tfiqa.errors import StorageError
from tfiqa.files import write_text

_MARK = "# Written by tfiqa export, sha256 "
_FIRST = re.compile(re.escape(_MARK) + "([0-9a-f]{64})[^\n]*\n")


def write_unless_edited(path: Path, text: str, *, free: str | None = None) -> bool:
    """Writes a text file under a first line, a comment, that holds the text's checksum; not over one that was edited.

    Args:
        path: the file, in a format whose comments begin with "#".
        text: what follows the first line.
        free: a regular expression of what may be edited, so that the checksum passes it over.

    Returns:
        Whether it was written. A file whose text is not what its checksum says, or that has none, stays as it is.

    Raises StorageError when the system refuses.
    """
    if path.exists() and not is_unedited(path, free=free):
        return False
    hint = "a changed file is left alone from then on"
    write_text(path, f"{_MARK}{_checksum(text, free)}; {hint}.\n{text}")
    return True


def is_unedited(path: Path, *, free: str | None = None) -> bool:
    """Whether a file is as `write_unless_edited` wrote it. Raises StorageError when it cannot be read."""
    text = read_text(path)
    first = _FIRST.match(text)
    return first is not None and first[1] == _checksum(text[first.end() :], free)


def read_text(path: Path) -> str:
    """A text file; what is no UTF-8 in it is replaced. Raises StorageError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def _checksum(text: str, free: str | None) -> str:
    fixed = text if free is None else re.sub(free, "", text)
    return hashlib.sha256(fixed.encode()).hexdigest()
