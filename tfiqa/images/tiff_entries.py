"""The entries of a TIFF directory, which is how EXIF holds its tags (TIFF 6.0, section 2; BigTIFF).

Pillow's reader drops all that follows the first broken entry of a directory, and warns. Here each entry stands for
itself: one that is broken has no value. No data can hang or break the reading: directories are not chained, and an
entry's value is read only as far as its first `MAX_VALUE` bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection
from dataclasses import dataclass

from tfiqa.images.headers import ByteSource

# First four bytes -> byte order for `struct`, and whether the file is a BigTIFF.
HEADS = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}

MAX_ENTRIES = 65_535  # what a classic directory can state; a BigTIFF can state more and never means it
MAX_VALUE = 64  # bytes; enough for the first number of any type and for a date

ASCII = 2
# Type -> how `struct` reads one value of it: an integer or float, or the two parts of a fraction.
NUMBERS = {
    1: "B",
    3: "H",
    4: "I",
    5: "II",
    6: "b",
    8: "h",
    9: "i",
    10: "ii",
    11: "f",
    12: "d",
    13: "I",  # the offset of a directory
    16: "Q",
    17: "q",
    18: "Q",  # the offset of a directory in a BigTIFF
}


@dataclass(frozen=True)
class Entry:
    """One entry: its type and the beginning of its value.

    Args:
        kind: the TIFF type.
        value: the bytes of the value, at most MAX_VALUE of them; fewer than stated where the data ends.
        order: "<" or ">".
    """

    kind: int
    value: bytes
    order: str

    def number(self) -> float | None:
        """The first number; None for other types, a truncated value, a zero denominator, or what is not finite."""
        form = NUMBERS.get(self.kind)
        if form is None or len(self.value) < struct.calcsize("=" + form):
            return None
        numerator, *rest = struct.unpack_from(self.order + form, self.value)
        denominator = rest[0] if rest else 1
        return numerator / denominator if denominator and math.isfinite(numerator) else None

    def text(self) -> str | None:
        """The text up to its first zero byte, foreign bytes replaced; None for other types."""
        if self.kind != ASCII:
            return None
        return self.value.partition(b"\0")[0].decode("ascii", "replace")


class TiffDirectories:
    """A TIFF structure, read on demand.

    Args:
        data: the structure from its byte order mark on. Other data than a TIFF structure has no entries.
        tags: the tags that are wanted; the others are passed over.
    """

    def __init__(self, data: ByteSource, tags: Collection[int]) -> None:
        self._data = data
        self._tags = tags
        self._order, big = HEADS.get(data[:4], ("", False))
        self._word = 8 if big else 4  # size of counts and offsets
        self._count_size = 8 if big else 2  # size of the number of entries

    def first(self) -> dict[int, Entry]:
        """The wanted entries of the first directory by tag; the first where a tag comes twice."""
        return self.at(self._integer(self._word, self._word))

    def at(self, offset: int) -> dict[int, Entry]:
        """The wanted entries of the directory at an offset, as far as the data goes."""
        if not self._order:
            return {}
        count = min(self._integer(offset, self._count_size), MAX_ENTRIES)
        size = 4 + 2 * self._word
        start = offset + self._count_size
        table = self._data[start : start + count * size]
        entries: dict[int, Entry] = {}
        for place in range(0, len(table) - size + 1, size):
            tag, kind = struct.unpack_from(self._order + "HH", table, place)
            if tag in self._tags and tag not in entries:
                entries[tag] = Entry(kind, self._value(kind, start + place + 4), self._order)
        return entries

    def _value(self, kind: int, position: int) -> bytes:
        """The beginning of a value, from where its count stands in the directory."""
        form = "B" if kind == ASCII else NUMBERS.get(kind)
        if form is None:
            return b""
        size = self._integer(position, self._word) * struct.calcsize("=" + form)
        start = position + self._word
        if size > self._word:
            start = self._integer(start, self._word)
        return self._data[start : start + min(size, MAX_VALUE)]

    def _integer(self, position: int, size: int) -> int:
        value = self._data[position : position + size].ljust(size, b"\0")
        return int.from_bytes(value, "big" if self._order == ">" else "little")
