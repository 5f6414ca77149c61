"""Single pictures out of a packed folder, in any order: a training run draws its own."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.databases.picture_check import PictureCheck
from tfiqa.databases.reader import Progress
from tfiqa.errors import BrokenPicture, DatabaseLayoutError, PictureError, PictureTooLarge
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, decode_picture, picture_size
from tfiqa.images.each_picture import of_picture
from tfiqa.images.headers import needs_pillow
from tfiqa.images.picture_file import read_picture_file
from tfiqa.images.resize import ResizePolicy
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.records.reader import Records
from tfiqa.pipelines.records.schema import ENCODED, SHA256
from tfiqa.pipelines.records.shard_file import RECORD_OVERHEAD
from tfiqa.pipelines.records.writer import order_of_rows

# A TFRecord: length (uint64), its checksum (uint32), the data, its checksum (uint32); little-endian.
_HEADER = struct.Struct("<QI")


@dataclass(frozen=True)
class PackedPicture:
    """A picture in a record of a packed folder.

    Args:
        shard: the TFRecord file.
        offset: where the record's data begin in it, in bytes.
        length: of the data.
        path: of the folder, and the picture's key beneath it; what messages call the picture.
    """

    shard: Path
    offset: int
    length: int
    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> bytes:
        """The picture file's bytes. Raises BrokenPicture when they are not those that were packed, or cannot be read."""
        try:
            with open(self.shard, "rb") as file:
                file.seek(self.offset)
                data = file.read(self.length)
            feature = tf.train.Example.FromString(data).features.feature
            (picture,), (digest,) = feature[ENCODED].bytes_list.value, feature[SHA256].bytes_list.value
        except OSError as error:
            raise BrokenPicture(str(self), f"cannot be read: {error.strerror or error}") from error
        except Exception as error:  # what protobuf raises of bytes that are no message is not part of its interface
            raise BrokenPicture(str(self), f"its record in {self.shard} is damaged") from error
        if hashlib.sha256(picture).hexdigest().encode() != digest:
            raise BrokenPicture(str(self), f"its record in {self.shard} is damaged")
        return bytes(picture)


Result = TypeVar("Result")

# What a picture can come from: a file, its encoded bytes, a record.
Source = str | os.PathLike[str] | bytes | PackedPicture


def file_or_bytes(source: Source) -> tuple[str | os.PathLike[str] | bytes, str]:
    """A source as the functions of `images` take it, and what messages call it. Raises BrokenPicture as `read` does."""
    return source.read() if isinstance(source, PackedPicture) else source, name_of(source)


def name_of(source: Source) -> str:
    """What messages and tables call a source."""
    return "picture" if isinstance(source, bytes) else str(source)


def source_bytes(source: Source) -> bytes:
    """The bytes of a source's picture file. Raises PictureError."""
    picture, name = file_or_bytes(source)
    return picture if isinstance(picture, bytes) else read_picture_file(picture, name)


def decode_source(
    source: Source, *, max_pixels: int = DEFAULT_MAX_PIXELS, scaled_for: ResizePolicy | None = None
) -> NDArray[np.uint8]:
    """`decode_picture` of any source."""
    picture, name = file_or_bytes(source)
    return decode_picture(picture, name=name, max_pixels=max_pixels, scaled_for=scaled_for)


def of_source(
    function: Callable[[NDArray[np.uint8]], Result],
    source: Source,
    *,
    max_pixels: int,
    scaled_for: ResizePolicy | None = None,
) -> Result:
    """`of_picture` of any source."""
    picture, name = file_or_bytes(source)
    return of_picture(function, picture, name=name, max_pixels=max_pixels, scaled_for=scaled_for)


def check_packed(
    pictures: Sequence[PackedPicture], *, max_pixels: int = DEFAULT_MAX_PIXELS, progress: Progress | None = None
) -> list[PictureCheck]:
    """What `check_pictures` tells of files, of pictures in a packed folder, in order: each is compared with its SHA-256 and its
    header read, but it is not decoded.

    Args:
        pictures: to check.
        max_pixels: larger pictures are errors.
        progress: called with (done, all) after each picture.
    """
    checks = []
    for check in map_in_order(partial(_check, max_pixels=max_pixels), pictures, os.cpu_count() or 1):
        checks.append(check)
        if progress:
            progress(len(checks), len(pictures))
    return checks


def _check(picture: PackedPicture, max_pixels: int) -> PictureCheck:
    try:
        data = picture.read()
        width, height = picture_size(data, name=str(picture))
        if width * height > max_pixels:
            raise PictureTooLarge(str(picture), f"has {width}x{height} pixels, more than {max_pixels}")
    except PictureError as error:
        return PictureCheck(picture.path, False, str(error), None, None, None, False)
    digest = hashlib.sha256(data).hexdigest()
    return PictureCheck(picture.path, True, None, width, height, digest, needs_pillow(data))


def packed_pictures(records: Records, keys: Sequence[str]) -> list[PackedPicture]:
    """Where each picture of a packed folder is, in the order of the manifest's rows.

    Args:
        records: the folder.
        keys: the manifest's column `image`.

    Raises DatabaseLayoutError for a shard that is no TFRecord file or has other records than its list says.
    """
    places = [
        (records.folder / shard.file, offset, length)
        for shard in records.shards
        for offset, length in _records_of(records.folder / shard.file, shard.rows)
    ]
    order = order_of_rows(len(places), records.shard_list.shuffle)
    return [PackedPicture(*place, records.folder / keys[row]) for row, place in sorted(zip(order, places, strict=True))]


def _records_of(shard: Path, rows: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of the data of each record."""
    try:
        size = shard.stat().st_size
        with open(shard, "rb") as file:
            position = 0
            for _ in range(rows):
                file.seek(position)
                length, _checksum = _HEADER.unpack(file.read(_HEADER.size))
                yield position + _HEADER.size, length
                position += length + RECORD_OVERHEAD
    except OSError as error:
        raise DatabaseLayoutError(f"cannot read {shard}: {error.strerror or error}") from error
    except struct.error:
        position = -1
    if position != size:
        raise DatabaseLayoutError(f"{shard} does not hold {rows} records")
