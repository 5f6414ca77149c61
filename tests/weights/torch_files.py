"""Writes files as `torch.save` does, without torch: the zip archive, the older stream, the oldest tar archive."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tfiqa.errors import CheckpointError
from tfiqa.weights.torch_checkpoint import read_checkpoint

STREAM_MAGIC = 0x1950A86A20F9469CFC6C
STREAM_VERSION = 1001

_CLASSES = {
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(ml_dtypes.bfloat16): "BFloat16Storage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.int32): "IntStorage",
    np.dtype(np.int16): "ShortStorage",
    np.dtype(np.int8): "CharStorage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(np.bool_): "BoolStorage",
    np.dtype(np.complex64): "ComplexFloatStorage",
}


@dataclass(frozen=True)
class Global:
    """A class or function to be written by name only."""

    module: str
    name: str

    def __call__(self) -> None:
        raise AssertionError("written by name, never called")


@dataclass(eq=False)
class Called:
    """An object that is written as a call of `function`, with a state where one is given."""

    function: Global
    arguments: tuple[Any, ...] = ()
    state: Any = None


@dataclass(eq=False)
class Storage:
    values: np.ndarray[Any, Any]
    device: str = "cpu"
    part: tuple[int, int] | None = None  # offset and length of a view (older streams)
    kind: Global = field(default_factory=lambda: Global("", ""))

    def __post_init__(self) -> None:
        if not self.kind.name:
            self.kind = Global("torch", _CLASSES[self.values.dtype])


@dataclass(eq=False)
class Tensor:
    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    rebuild: str = "_rebuild_tensor_v2"

    def reduced(self) -> tuple[Any, ...]:
        arguments: tuple[Any, ...] = (self.storage, self.offset, self.size, self.stride)
        if self.rebuild == "_rebuild_tensor_v2":
            arguments += (False, OrderedDict())
        return Global("torch._utils", self.rebuild), arguments


def tensor(array: Any, device: str = "cpu") -> Tensor:
    """A contiguous tensor with a storage of its own."""
    array = np.asarray(array)
    stride = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides) if array.ndim else ()
    return Tensor(Storage(array.reshape(-1), device), 0, array.shape, stride)


def small_state() -> OrderedDict[str, Any]:
    """A state dict of two tensors."""
    base = Storage(np.arange(12, dtype=np.float32))
    return OrderedDict({"conv.weight": Tensor(base, 0, (2, 6), (6, 1)), "bn.bias": tensor(np.ones(3, np.float32))})


def parameter(array: Any) -> Called:
    return Called(Global("torch._utils", "_rebuild_parameter"), (tensor(array), True, OrderedDict()))


@dataclass
class _Keys:
    """Gives storages and tensors their keys in the file."""

    storages: dict[str, Storage] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def of(self, item: Any, table: dict[str, Any], first: int) -> str:
        for key, known in table.items():
            if known is item:
                return key
        key = str(first + len(table))
        table[key] = item
        return key

    def storage(self, storage: Storage) -> str:
        return self.of(storage, self.storages, 0)


class _Pickler(pickle._Pickler):
    """Python's pickler, which writes `Global`s by name."""

    def __init__(self, file: Any, keys: _Keys, form: str, protocol: int) -> None:
        super().__init__(file, protocol)
        self._keys = keys
        self._form = form

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Global):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())  # type: ignore[attr-defined]
        else:
            super().save(obj, save_persistent_id)  # type: ignore[misc]

    def persistent_id(self, obj: Any) -> Any:
        if self._form == "tar":
            if isinstance(obj, Tensor):
                return self._keys.of(obj, self._keys.tensors, 1000)
            return None
        if not isinstance(obj, Storage):
            return None
        identity = ("storage", obj.kind, self._keys.storage(obj), obj.device, len(obj.values))
        if self._form == "zip":
            return identity
        return (*identity, None if obj.part is None else ("view", *obj.part))

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tensor):
            return obj.reduced()
        if isinstance(obj, Called):
            return (obj.function, obj.arguments) + (() if obj.state is None else (obj.state,))
        return NotImplemented


def pickled_object(obj: Any, keys: _Keys | None = None, form: str = "zip", protocol: int = 2) -> bytes:
    """The pickle of the object alone; its storages get their keys from `keys`."""
    file = io.BytesIO()
    _Pickler(file, keys or _Keys(), form, protocol).dump(obj)
    return file.getvalue()


def zip_bytes(
    obj: Any = None,
    *,
    root: str = "archive",
    pickled: bytes | None = None,
    byteorder: str | None = "little",
    compression: int = zipfile.ZIP_STORED,
    replaced: Mapping[str, bytes] | None = None,
) -> bytes:
    """A zip archive of the object; `pickled` stands in for data.pkl, `replaced` for other records."""
    keys = _Keys()
    records = {"data.pkl": pickled or pickled_object(obj, keys, "zip")}
    if byteorder:
        records["byteorder"] = byteorder.encode()
    for key, storage in keys.storages.items():
        values = storage.values.byteswap() if byteorder == "big" else storage.values
        records[f"data/{key}"] = values.tobytes()
    records["version"] = b"3\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in (records | dict(replaced or {})).items():
            archive.writestr(f"{root}/{name}", content)
    return file.getvalue()


def stream_bytes(
    obj: Any = None, *, pickled: bytes | None = None, protocol: int = 2, version: int = STREAM_VERSION
) -> bytes:
    """The older stream of the object; `pickled` stands in for the pickle of the objects."""
    keys = _Keys()
    body = pickled or pickled_object(obj, keys, "stream", protocol)
    facts = {"protocol_version": version, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickle.dumps(part, protocol) for part in (STREAM_MAGIC, version, facts)]
    parts += [body, pickle.dumps(sorted(keys.storages), protocol)]
    for key in sorted(keys.storages):
        values = keys.storages[key].values
        parts += [struct.pack("<q", len(values)), values.tobytes()]
    return b"".join(parts)


def tar_bytes(
    obj: Any = None, *, pickled: bytes | None = None, parts: tuple[tuple[int, int, int, int], ...] = ()
) -> bytes:
    """The oldest tar archive of the object, with the given (key, key of the whole, offset, length) storages."""
    keys = _Keys()
    body = pickled or pickled_object(obj, keys, "tar")
    tensors = [pickle.dumps(len(keys.tensors), 2)]
    for key, item in keys.tensors.items():
        kind = Global("torch", item.storage.kind.name.replace("Storage", "Tensor"))
        tensors.append(pickled_object((int(key), int(keys.storage(item.storage)), kind), keys, "tar"))
        rank = len(item.size)
        tensors.append(struct.pack("<i4s", rank, b"\xde\xad\xbe\xef"))
        tensors.append(struct.pack(f"<{2 * rank + 1}q", *item.size, *item.stride, item.offset))
    storages = [pickle.dumps(len(keys.storages), 2)]
    for key, storage in keys.storages.items():
        storages.append(pickled_object((int(key), storage.device, storage.kind), keys, "tar"))
        storages.append(struct.pack("<q", len(storage.values)) + storage.values.tobytes())
    storages.append(pickle.dumps(list(parts), 2))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        members = {"sys_info": [pickle.dumps({}, 2)], "pickle": [body], "tensors": tensors, "storages": storages}
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(b"".join(content))
            info.mtime = 1484000000.25  # a fraction makes tarfile write an extended header first
            archive.addfile(info, io.BytesIO(b"".join(content)))
    return file.getvalue()


WRITERS: dict[str, Callable[..., bytes]] = {"zip": zip_bytes, "stream": stream_bytes, "tar": tar_bytes}


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refused(path: Path) -> str:
    """The text of the error that reading the file gives: one line that names the file."""
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < 500
    return text
