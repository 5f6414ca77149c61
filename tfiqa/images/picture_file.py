"""Picture files as bytes: opened, sliced and read, with errors that name the picture."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tfiqa.errors import EmptyPicture, MissingPicture, NotAPicture, PictureTooLarge
from tfiqa.images.headers import ByteSource, Header, read_header


class FileBytes:
    """A file that is sliced like bytes, reading only what is asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice) -> bytes:
        start, stop, _ = key.indices(self._size)
        self._file.seek(start)
        return self._file.read(max(stop - start, 0))


@contextmanager
def opened_picture(path: str | os.PathLike[str], name: str) -> Iterator[BinaryIO]:
    """A regular file, called `name` in errors. Raises MissingPicture; PictureTooLarge when memory runs out inside."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise MissingPicture(name, "is a folder" if stat.S_ISDIR(mode) else "is not a regular file")
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError as error:
        raise MissingPicture(name, "does not exist") from error
    except OSError as error:
        raise MissingPicture(name, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a path with a null character
        raise MissingPicture(name, f"is no file name: {error}") from error
    except MemoryError as error:
        raise PictureTooLarge(name, "does not fit into memory") from error


def read_picture_file(path: str | os.PathLike[str], name: str) -> bytes:
    """The bytes of a regular file, called `name` in errors. Raises MissingPicture, PictureTooLarge."""
    with opened_picture(path, name) as file:
        return file.read()


def known_header(data: ByteSource, name: str) -> Header:
    """The header of a picture called `name` in errors. Raises EmptyPicture, NotAPicture."""
    if len(data) == 0:
        raise EmptyPicture(name, "holds no bytes")
    header = read_header(data)
    if header is None:
        raise NotAPicture(name, "is no picture in a format that tfiqa reads (JPEG, PNG, WebP, BMP, GIF, TIFF)")
    return header
