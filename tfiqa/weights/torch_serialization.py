"""The two forms in which `torch.save` has written objects since torch 0.1.10 (torch/serialization.py).

Since version 1.6 it is a zip archive: `<root>/data.pkl` is a pickle in which tensors refer to their storages, and
`<root>/data/<key>` is one storage's bytes. Before, it was one stream: a magic number, a protocol version and the
writer's system facts, then the pickle of the objects, then the list of storage keys, then for each key an int64 element
count and the bytes.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfiqa.weights.torch_objects import CONSTRUCTORS, UNTYPED, Storage, counted_storage, is_count, storage_dtype
from tfiqa.weights.torch_pickle import Placeholder, load_pickle

# MAGIC_NUMBER and PROTOCOL_VERSION in torch/serialization.py.
_STREAM_MAGIC = 0x1950A86A20F9469CFC6C
_STREAM_VERSION = 1001

# What the two functions here can raise on wrong bytes; `zipfile` and `pickletools` raise most of these themselves.
DAMAGE = (ValueError, TypeError, LookupError, OverflowError, NotImplementedError, struct.error, zipfile.BadZipFile)


class WrongKindError(Exception):
    """The file is something else; the text completes the sentence "this file is"."""


def read_zip(archive: zipfile.ZipFile, data: mmap.mmap) -> Any:
    """The object in a zip archive.

    Args:
        archive: the opened archive.
        data: the same file, mapped; the arrays will be views of it.

    Raises WrongKindError for an archive of something else, one of `DAMAGE` for one that is broken.
    """
    members = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in members if name.split("/")[-1] == "data.pkl"]
    if not pickles:
        keras = {"config.json", "model.weights.h5"} <= set(members)
        raise WrongKindError("a Keras file, not a PyTorch checkpoint" if keras else "a zip archive without data.pkl")
    root = min(pickles, key=len).removesuffix("data.pkl")
    content = memoryview(data)

    def record(name: str) -> memoryview:
        if root + name not in members:
            raise ValueError(f"{name} is missing")
        return _member_bytes(members[root + name], content)

    big_endian = root + "byteorder" in members and record("byteorder") == b"big"
    storages: dict[tuple[str, np.dtype[Any]], Storage] = {}

    def load_storage(identity: Any) -> Storage:
        reference = _StorageReference.parse(identity)
        key = reference.key, reference.dtype
        if key not in storages:
            if big_endian and identity[1].path == UNTYPED:
                raise ValueError("untyped data of a big-endian machine")
            values = np.frombuffer(record(f"data/{reference.key}"), reference.dtype)
            storages[key] = Storage(values.byteswap() if big_endian else values)
        return reference.part_of(storages[key])

    pickle = bytes(record("data.pkl"))
    return load_pickle(io.BytesIO(pickle), len(pickle), CONSTRUCTORS, load_storage)


def _member_bytes(info: zipfile.ZipInfo, content: memoryview) -> memoryview:
    """A member's bytes where they lie in the file, its checksum verified."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise ValueError("members are compressed or encrypted, which torch.save never does")
    # The local header is 30 bytes long; name and extra field follow it (PKWARE APPNOTE 4.3.7).
    name_length, extra_length = struct.unpack_from("<26xHH", content, info.header_offset)
    start = info.header_offset + 30 + name_length + extra_length
    raw = content[start : start + info.file_size]
    if len(raw) != info.file_size:
        raise ValueError(f"{info.filename} ends too early")
    # torch can be told to save without checksums, and writes 0 then.
    if info.CRC not in (0, zlib.crc32(raw)):
        raise ValueError(f"the checksum of {info.filename} is wrong")
    return raw


def read_stream(data: mmap.mmap) -> Any:
    """The object in a stream, which starts at the map's position; the arrays will be views of the map.

    Raises WrongKindError for a pickle of another program, one of `DAMAGE` for anything else that is no such stream.
    """
    size = len(data)
    if load_pickle(data, size, {}) != _STREAM_MAGIC:
        raise WrongKindError("a pickle that torch.save did not write")
    version = load_pickle(data, size, {})
    if version != _STREAM_VERSION:
        raise ValueError("a version of torch's stream serialisation that is not known")
    load_pickle(data, size, {})  # the writer's system facts; the data are little-endian whatever they say

    # Where the storages lie is told only behind the objects that use them, so a first reading collects the references.
    objects_start = data.tell()
    references: dict[str, _StorageReference] = {}

    def note_storage(identity: Any) -> Any:
        if _is_class(identity):
            return identity[1]
        reference = _StorageReference.parse(identity)
        references[reference.key] = reference
        return Placeholder("torch storage")

    load_pickle(data, size, {}, note_storage)
    keys = load_pickle(data, size, {})
    storages = _stream_storages(data, keys, references)

    def load_storage(identity: Any) -> Any:
        if _is_class(identity):
            return identity[1]
        reference = _StorageReference.parse(identity)
        if reference.key not in storages:
            raise ValueError("the list of storages lacks one that the objects use")
        return reference.part_of(storages[reference.key])

    data.seek(objects_start)
    return load_pickle(data, size, CONSTRUCTORS, load_storage)


def _stream_storages(data: mmap.mmap, keys: Any, references: Mapping[str, _StorageReference]) -> dict[str, Storage]:
    content = memoryview(data)
    position = data.tell()
    storages: dict[str, Storage] = {}
    for key in keys:
        if not isinstance(key, str) or key not in references:
            raise ValueError("the list of storages does not match the objects")
        storages[key], position = counted_storage(content, position, references[key].dtype)
    return storages


def _is_class(identity: Any) -> bool:
    """Whether a persistent id is ("module", class, source file, source), the class of a whole pickled module."""
    return isinstance(identity, tuple) and len(identity) == 4 and identity[0] == "module"


@dataclass(frozen=True, slots=True)
class _StorageReference:
    """A storage as the pickle refers to it.

    Attributes:
        key: its name in the file.
        dtype: its elements.
        count: how many it has.
        part: offset and length where a part of the storage is meant (older streams), else None.
    """

    key: str
    dtype: np.dtype[Any]
    count: int
    part: list[Any] | None

    @classmethod
    def parse(cls, identity: Any) -> _StorageReference:
        """From ("storage", class, key, device, count[, None or (key of the part, offset, length)])."""
        if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
            raise ValueError("the pickle refers to something that is no storage")
        _, kind, key, _device, count, *rest = identity
        if not isinstance(key, str) or not is_count(count):
            raise ValueError("the pickle refers to a storage in no proper way")
        part = None
        if rest and rest[0] is not None:
            _key_of_part, *part = rest[0]
        return cls(key, storage_dtype(kind), count, part)

    def part_of(self, storage: Storage) -> Storage:
        """The storage, or the part of it that is meant. Raises ValueError when the file's storage differs."""
        values = storage.values
        if values.dtype != self.dtype or len(values) != self.count:
            raise ValueError(f"a storage of {len(values)} {values.dtype} elements, not {self.count} {self.dtype}")
        return storage if self.part is None else storage.part(*self.part)
