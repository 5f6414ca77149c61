"""The form in which torch before 0.1.10 (2017) wrote objects: a tar archive (torch/serialization.py, legacy_load).

torchvision's first ImageNet files, such as resnet50-19c8e357.pth, are of this kind (pytorch/vision#2068).

`storages` holds their number, then for each a pickle (key, device, class), an int64 element count and the elements,
then a pickled list of storages that are parts of others. `tensors` holds their number, then for each a pickle (key, key
of the storage, class), the rank as int32 and four bytes of no meaning, and sizes, strides and the offset as int64.
`pickle` holds the objects, which refer to tensors and storages by key.
"""

from __future__ import annotations

import mmap
import struct
from typing import Any

from tfiqa.weights.torch_objects import CONSTRUCTORS, MAX_RANK, Storage, counted_storage, rebuild_tensor, storage_dtype
from tfiqa.weights.torch_pickle import load_pickle

_BLOCK = 512  # tar headers and the padding of members


def read_tar(data: mmap.mmap) -> Any:
    """The object in a tar archive; the arrays will be views of the map.

    Raises one of `torch_serialization.DAMAGE` for an archive that is broken or holds something else.
    """
    starts = _member_starts(memoryview(data))
    for name in ("storages", "tensors", "pickle"):
        if name not in starts:
            raise ValueError(f"a tar archive without {name}")
    data.seek(starts["storages"])
    storages = _read_storages(data)
    data.seek(starts["tensors"])
    objects: dict[int, Any] = {**storages, **_read_tensors(data, storages)}

    def load_persistent(identity: Any) -> Any:
        if isinstance(identity, tuple):  # (class, source file, source) of a whole pickled module
            return identity[0]
        return objects[_object_key(identity)]

    data.seek(starts["pickle"])
    return load_pickle(data, len(data), CONSTRUCTORS, load_persistent)


def _member_starts(content: memoryview) -> dict[str, int]:
    """Where each member's data start. A header has the name in bytes 0-99, the octal size in 124-135 (POSIX ustar)."""
    starts: dict[str, int] = {}
    position = 0
    while position + _BLOCK <= len(content) and content[position] != 0:
        header = bytes(content[position : position + _BLOCK])
        size = int(header[124:136].rstrip(b" \0"), 8)
        if size < 0:
            raise ValueError("a tar archive with a damaged header")
        starts[header[:100].rstrip(b"\0").decode("latin-1")] = position + _BLOCK
        position += _BLOCK * (1 + -(-size // _BLOCK))
    return starts


def _read_storages(data: mmap.mmap) -> dict[int, Storage]:
    content, size = memoryview(data), len(data)
    storages: dict[int, Storage] = {}
    for _ in range(load_pickle(data, size, {})):
        key, _device, kind = load_pickle(data, size, {})
        storages[_object_key(key)], end = counted_storage(content, data.tell(), storage_dtype(kind))
        data.seek(end)
    for key, whole, offset, length in load_pickle(data, size, {}):
        storages[_object_key(key)] = storages[_object_key(whole)].part(offset, length)
    return storages


def _read_tensors(data: mmap.mmap, storages: dict[int, Storage]) -> dict[int, Any]:
    content, size = memoryview(data), len(data)
    tensors: dict[int, Any] = {}
    for _ in range(load_pickle(data, size, {})):
        key, storage_key, _kind = load_pickle(data, size, {})
        position = data.tell()
        (rank,) = struct.unpack_from("<i4x", content, position)
        if not 0 <= rank <= MAX_RANK:
            raise ValueError(f"a tensor of rank {rank}")
        numbers = struct.Struct(f"<{2 * rank + 1}q")
        *sides, offset = numbers.unpack_from(content, position + 8)
        storage = storages[_object_key(storage_key)]
        tensors[_object_key(key)] = rebuild_tensor(storage, offset, tuple(sides[:rank]), tuple(sides[rank:]))
        data.seek(position + 8 + numbers.size)
    return tensors


def _object_key(value: Any) -> int:
    """The key of a storage or tensor: a memory address of the writer, as a number or its digits."""
    if isinstance(value, str) and len(value) <= 20:
        value = int(value)
    if type(value) is not int or value.bit_length() > 64:
        raise ValueError("a storage or tensor with an unexpected key")
    return value
