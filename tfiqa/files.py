"""Files and folders that are written whole or not at all: a temporary name beside the target, then one rename. And JSON read."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tfiqa.errors import InvalidInput, StorageError

Parsed = TypeVar("Parsed")

LONGEST_STEM = 40  # characters of another file's name within a file's name, which has to fit a file system


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an OSError inside the block into a StorageError that names `path` and the system's reason."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path in the target's folder; on success it becomes `path`, on any error it is removed.

    The temporary name keeps the suffixes of `path`, since some writers choose the format by them. Missing parent folders are
    made. A device or a pipe, such as /dev/stdout, is not replaced: its own path is yielded. Raises StorageError when the
    system refuses.
    """
    target = Path(path)
    if target.is_dir():  # the rename would tell, but only after all the work
        raise StorageError(f"cannot write {target}: it is a folder")
    with storage_errors(target):
        if target.exists() and not target.is_file():
            yield target
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary_beside(target)
        try:
            yield temporary
            _sync(temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path` that takes its name on success and is removed on any error.

    Raises StorageError when `path` exists already or the system refuses.
    """
    target = Path(path)
    with storage_errors(target):
        if target.exists():
            raise StorageError(f"{target} exists already; remove it or choose another name")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield temporary
            for written in temporary.rglob("*"):
                if written.is_file():
                    _sync(written)
            temporary.chmod(0o755)  # mkdtemp gives 0700, which a server under another user could not read
            os.rename(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def numbered_stem(path: Path, number: int, count: int) -> str:
    """A name without an ending for what is made of a file, the `number`-th of `count`: unlike the others', in their order, and
    short enough for a file system."""
    return f"{number:0{len(str(count))}}_{path.stem[:LONGEST_STEM]}"


def read_json(path: str | os.PathLike[str], parse: Callable[[Any], Parsed], otherwise: str) -> Parsed:
    """What `parse` makes of a JSON file's value.

    Args:
        path: the file.
        parse: raises InvalidInput where it cannot take the value.
        otherwise: what a file that is no JSON is told, such as "holds no scene types".

    Raises InvalidInput, naming the file, when it cannot be read.
    """
    try:
        return parse(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8
        raise InvalidInput(f"{path} {otherwise}: {error}") from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a UTF-8 text file whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _sync(path: Path) -> None:
    """Makes sure that the file is on the disk before it gets its name; a full disk may show itself only here."""
    with open(path, "rb") as written:
        os.fsync(written.fileno())


def _temporary_beside(target: Path) -> Path:
    return target.with_name(f".{os.getpid()}.{secrets.token_hex(4)}.{target.name}")
