"""What a checkpoint's pickle may build: NumPy arrays that view the file's storages, and plain containers."""

from __future__ import annotations

import math
import re
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from tfiqa.weights.torch_pickle import Constructors, Name, Pending, Placeholder, as_key

# torch's element types by the names of its storage classes (torch/storage.py) and of its dtypes.
_ELEMENT_TYPES: tuple[tuple[str, str, Any], ...] = (
    ("FloatStorage", "float32", np.float32),
    ("DoubleStorage", "float64", np.float64),
    ("HalfStorage", "float16", np.float16),
    ("BFloat16Storage", "bfloat16", ml_dtypes.bfloat16),
    ("LongStorage", "int64", np.int64),
    ("IntStorage", "int32", np.int32),
    ("ShortStorage", "int16", np.int16),
    ("CharStorage", "int8", np.int8),
    ("ByteStorage", "uint8", np.uint8),
    ("BoolStorage", "bool", np.bool_),
    ("ComplexFloatStorage", "complex64", np.complex64),
    ("ComplexDoubleStorage", "complex128", np.complex128),
)
UNTYPED = "torch.storage.UntypedStorage"  # bytes, whose tensors tell their type
_STORAGE_DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {f"torch.{storage}": np.dtype(kind) for storage, _, kind in _ELEMENT_TYPES}
    | {f"torch.cuda.{storage}": np.dtype(kind) for storage, _, kind in _ELEMENT_TYPES}
    | {UNTYPED: np.dtype(np.uint8)}
)
_TENSOR_DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {f"torch.{name}": np.dtype(kind) for _, name, kind in _ELEMENT_TYPES}
    | {f"torch.uint{bits}": np.dtype(f"u{bits // 8}") for bits in (16, 32, 64)}  # have no storage class of their own
)

# NumPy's own limit; torch's is the same.
MAX_RANK = 64


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """The flat memory that tensors view.

    Attributes:
        values: shape (numel,), read-only.
    """

    values: NDArray[Any]

    def part(self, offset: Any, length: Any) -> Storage:
        """The storage of `length` elements from `offset` on. Raises ValueError when they are not all inside."""
        if not is_count(offset) or not is_count(length) or offset + length > len(self.values):
            raise ValueError("a part that reaches over the end of its storage")
        return Storage(self.values[offset : offset + length])


def counted_storage(content: memoryview, position: int, dtype: np.dtype[Any]) -> tuple[Storage, int]:
    """The storage that lies at a position as an int64 element count and the elements; and the position behind it.

    Raises ValueError or struct.error when the content ends before it does.
    """
    (count,) = struct.unpack_from("<q", content, position)
    start = position + 8
    end = start + count * dtype.itemsize
    if count < 0 or end > len(content):
        raise ValueError("the data of a storage end too early")
    return Storage(np.frombuffer(content[start:end], dtype)), end


def storage_dtype(kind: Any) -> np.dtype[Any]:
    """The element type of a storage class. Raises ValueError for one that is not supported (quantised types)."""
    path = kind.path if isinstance(kind, Name) else type(kind).__name__
    if path not in _STORAGE_DTYPES:
        raise ValueError(f"a storage of unsupported type {path}")
    return _STORAGE_DTYPES[path]


def is_count(value: Any) -> bool:
    """Whether a value from the file is an integer that can count things."""
    return type(value) is int and value >= 0


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *attributes: Any) -> Any:
    """The tensor as a read-only view of its storage, any size, stride (in elements) and offset that stay inside it.

    `attributes` are requires_grad, hooks and metadata. Raises ValueError when the view would leave the storage.
    """
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    if len(attributes) > 2 and attributes[2]:
        return Placeholder("torch.Tensor with a conjugate or negative bit")
    return _view(storage.values, offset, size, stride)


def _rebuild_tensor_of_dtype(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> Any:
    if not isinstance(storage, Storage) or not isinstance(dtype, Name):
        raise ValueError("a tensor without a storage or dtype")
    if dtype.path not in _TENSOR_DTYPES:
        return Placeholder(f"torch.Tensor of {dtype.path}")
    values = storage.values.view(np.uint8).view(_TENSOR_DTYPES[dtype.path])
    return rebuild_tensor(Storage(values), offset, size, stride, requires_grad, hooks, metadata)


def _view(values: NDArray[Any], offset: Any, size: Any, stride: Any) -> NDArray[Any]:
    if not (isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= MAX_RANK):
        raise ValueError("a tensor whose size and stride do not match")
    if not all(map(is_count, (offset, *size, *stride))):
        raise ValueError("a tensor whose offset, size or stride is no natural number")
    if math.prod(max(length, 1) for length in size) * values.itemsize > sys.maxsize:
        raise ValueError("a tensor of impossible size")
    if 0 in size:
        return np.empty(size, values.dtype)
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if last >= len(values):
        raise ValueError(f"a tensor reaches element {last} of a storage of {len(values)}")
    # A step along a side of length 1 is never taken; torch writes any number there, too large for NumPy perhaps.
    steps = [step * values.itemsize if length > 1 else 0 for length, step in zip(size, stride, strict=True)]
    return np.lib.stride_tricks.as_strided(values[offset:], size, steps, writeable=False)


def _rebuild_parameter(data: Any, *_attributes: Any) -> Any:
    return data


_PARAMETER = "torch.nn.parameter.Parameter"


class _OldParameter(Pending):
    """A parameter as the first torch versions pickled it: all in its state, the tensor in front."""

    def finish(self, state: Any) -> Any:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("a parameter in an unexpected form")
        return state[0]


def _parameter(data: Any = None, *_attributes: Any) -> Any:
    return _OldParameter() if data is None else data


def _ordered_dict(pairs: Any = ()) -> dict[Any, Any]:
    return {as_key(key): value for key, value in pairs}  # Python 2 pickled the items as an argument


def _default_dict(*_factory: Any) -> dict[Any, Any]:
    return {}


def _size(lengths: Any = ()) -> tuple[Any, ...]:
    if not isinstance(lengths, tuple):
        raise ValueError("a torch.Size that is no tuple")
    return lengths


def _encode(text: Any, encoding: Any) -> bytes:
    """Bytes, as Python 3 pickles them in protocol 2."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in an unexpected encoding")
    return text.encode("latin-1")


class _NumpyDtype(Pending):
    """A plain numeric NumPy dtype, whose byte order comes as its state."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self._dtype = dtype

    def finish(self, state: Any) -> np.dtype[Any]:
        order = state[1]
        if order not in ("<", ">", "=", "|"):
            raise ValueError("a NumPy dtype of unknown byte order")
        return self._dtype.newbyteorder(order)


class _NumpyArray(Pending):
    """A NumPy array, whose shape, dtype and bytes come as its state."""

    def finish(self, state: Any) -> Any:
        _version, shape, dtype, fortran, data = state
        if not isinstance(dtype, np.dtype):
            return Placeholder("numpy.ndarray of objects")
        data = data.encode("latin-1") if isinstance(data, str) else data  # a Python 2 pickle
        if not isinstance(data, bytes) or not isinstance(shape, tuple) or not all(map(is_count, shape)):
            raise ValueError("a NumPy array in an unexpected form")
        return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _numpy_dtype(code: Any, *_flags: Any) -> Pending | Placeholder:
    if not isinstance(code, str) or not re.fullmatch(r"b1|[iu][1248]|f[248]|c8|c16", code):
        return Placeholder("numpy.dtype")
    return _NumpyDtype(np.dtype(code))


def _numpy_scalar(dtype: Any, data: Any = None) -> Any:
    if not isinstance(dtype, np.dtype):
        return Placeholder("numpy scalar of objects")
    data = data.encode("latin-1") if isinstance(data, str) else data
    if not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise ValueError("a NumPy scalar in an unexpected form")
    return np.frombuffer(data, dtype)[0]


def _numpy_array(*_arguments: Any) -> Pending:
    return _NumpyArray()


def _new_object(kind: Any, *arguments: Any) -> Any:
    if not isinstance(kind, Name):
        raise ValueError("the pickle makes an object of something that is no class")
    return _parameter(*arguments) if kind.path == _PARAMETER else Placeholder(kind.path)


CONSTRUCTORS: Constructors = MappingProxyType(
    {
        "collections.OrderedDict": _ordered_dict,
        "collections.defaultdict": _default_dict,
        "_codecs.encode": _encode,
        "copy_reg.__newobj__": _new_object,  # Python 2's name of the module, which protocol 2 keeps
        "copyreg.__newobj__": _new_object,
        "copy_reg._reconstructor": _new_object,
        "copyreg._reconstructor": _new_object,
        "torch._utils._rebuild_tensor": rebuild_tensor,
        "torch._utils._rebuild_tensor_v2": rebuild_tensor,
        "torch._utils._rebuild_tensor_v3": _rebuild_tensor_of_dtype,
        "torch._utils._rebuild_parameter": _rebuild_parameter,
        "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
        _PARAMETER: _parameter,
        "torch.Size": _size,
        "numpy.dtype": _numpy_dtype,
        "numpy.core.multiarray.scalar": _numpy_scalar,
        "numpy._core.multiarray.scalar": _numpy_scalar,
        "numpy.core.multiarray._reconstruct": _numpy_array,
        "numpy._core.multiarray._reconstruct": _numpy_array,
    }
)
