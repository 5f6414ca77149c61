"""Tensors in protocol buffers, read and written with the rules of TensorFlow's C++ runtime.

`tf.make_ndarray` has other rules (it refuses surplus values) and takes 400 times longer for typed fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tfiqa.serving.server.json_tensors import NUMPY_MAX_RANK
from tfiqa.serving.server.loaded_model import type_name
from tfiqa.serving.server.status import invalid_argument

MAX_TENSOR_BYTES: Final = 2**31 - 1  # in memory; no message could hold more itself
# A few values stand for a tensor of any size, since the last one is repeated: a short request must not take the memory.
MAX_FILLED_UP_BYTES: Final = 2**28
_STRING_BYTES: Final = 24  # of TensorFlow's own string, apart from its characters


@dataclass(frozen=True, eq=False)  # the same as itself only, which is quick to tell
class _Kind:
    """A type of tensors: its number, the field of its values, and its elements as NumPy and memory hold them."""

    number: int
    field: str
    dtype: np.dtype[Any]
    size: int


def _kind(dtype: tf.DType, field: str) -> _Kind:
    return _Kind(dtype.as_datatype_enum, field, np.dtype(dtype.as_numpy_dtype), dtype.size or _STRING_BYTES)


_STRING: Final = _kind(tf.string, "string_val")
_HALVES: Final = (_kind(tf.half, "half_val"), _kind(tf.bfloat16, "half_val"))
_COMPLEX: Final = (_kind(tf.complex64, "scomplex_val"), _kind(tf.complex128, "dcomplex_val"))
_KINDS: Final = (
    _STRING,
    *_HALVES,
    *_COMPLEX,
    _kind(tf.float32, "float_val"),
    _kind(tf.float64, "double_val"),
    _kind(tf.int64, "int64_val"),
    _kind(tf.uint32, "uint32_val"),
    _kind(tf.uint64, "uint64_val"),
    _kind(tf.bool, "bool_val"),
    *(_kind(dtype, "int_val") for dtype in (tf.int8, tf.int16, tf.int32, tf.uint8, tf.uint16)),
)
_BY_NUMBER: Final = {kind.number: kind for kind in _KINDS}
_BY_DTYPE: Final = {kind.dtype: kind for kind in _KINDS}


def array_of(proto: tensor_pb2.TensorProto, name: str) -> np.ndarray:
    """The array that a tensor's protocol buffer stands for.

    Its content is either `tensor_content`, of exactly the right length, or typed values: too few are filled up with the
    last one, none at all means zeros, surplus is cut.

    Args:
        proto: the tensor.
        name: the input's name, for the error text.

    Returns:
        An array of the tensor's type and shape; strings as an object array of bytes.

    Raises:
        StatusError: INVALID_ARGUMENT, when it does not parse.
    """
    shape = [dim.size for dim in proto.tensor_shape.dim]  # unknown_rank is not looked at
    kind = _BY_NUMBER.get(proto.dtype)
    flat = None
    if kind is not None and min(shape, default=0) >= 0 and len(shape) <= NUMPY_MAX_RANK:
        count = math.prod(shape)
        if count * kind.size <= MAX_TENSOR_BYTES:
            flat = _flat(proto, kind, count)
    if flat is None:
        raise invalid_argument(f"tensor parsing error: {name}")
    try:
        return flat.reshape(shape)
    except ValueError as error:  # of no elements, but too large without the dimension that is 0
        raise invalid_argument(f"tensor parsing error: {name}") from error


def fill_proto(proto: tensor_pb2.TensorProto, array: np.ndarray, *, as_content: bool = False) -> None:
    """Makes an empty protocol buffer that of an array, its values in the typed field.

    Args:
        proto: the protocol buffer.
        array: of a NumPy type of TensorFlow; strings as an object array of bytes.
        as_content: writes the values as raw bytes instead (strings not), which is shorter and faster, but which clients that
            read the typed field do not expect.

    Raises:
        StatusError: INVALID_ARGUMENT, when the type has no typed field.
    """
    kind = _BY_DTYPE.get(array.dtype)
    if kind is None:
        raise invalid_argument(f"Failed to write a tensor of type {type_name(tf.as_dtype(array.dtype))}")
    proto.dtype = kind.number
    shape = proto.tensor_shape
    shape.SetInParent()  # a scalar has one, too
    for size in array.shape:
        shape.dim.add(size=size)
    if as_content and kind is not _STRING:
        proto.tensor_content = array.tobytes()
        return
    flat = array.ravel()
    if kind in _HALVES:
        flat = flat.view(np.uint16)
    elif kind in _COMPLEX:
        flat = flat.view(np.dtype(f"f{kind.size // 2}"))
    getattr(proto, kind.field).extend(flat.tolist())  # four times faster than from the array itself


def _flat(proto: tensor_pb2.TensorProto, kind: _Kind, count: int) -> np.ndarray | None:
    """The tensor's values in order, None when they do not make `count`."""
    if not count:
        return np.empty(0, kind.dtype)
    content = proto.tensor_content
    if content:
        if kind is _STRING:
            return _strings(content, count)
        return np.frombuffer(content, kind.dtype) if len(content) == count * kind.size else None
    values = getattr(proto, kind.field)
    given = len(values) // (2 if kind in _COMPLEX else 1)
    if given < count and count * kind.size > MAX_FILLED_UP_BYTES:
        return None
    if kind is _STRING:
        array = np.empty(count, object)
        array[:] = _filled_up(list(values[:count]), count)
        return array
    numbers = _numbers(values, kind)
    if len(numbers) >= count:
        return numbers[:count]
    return np.concatenate([numbers, np.full(count - len(numbers), numbers[-1] if len(numbers) else 0, numbers.dtype)])


def _numbers(values: Any, kind: _Kind) -> np.ndarray:
    """The values of a typed field, all of them."""
    if kind in _COMPLEX:
        given = np.array(values, np.dtype(f"f{kind.size // 2}"))
        return given[: len(given) // 2 * 2].view(kind.dtype)
    if kind in _HALVES:
        return np.array(values, np.int64).astype(np.uint16).view(kind.dtype)
    if kind.dtype.kind in "iu":
        # Narrow types come in 32-bit fields and keep their low bits.
        return np.array(values, np.uint64 if kind.field == "uint64_val" else np.int64).astype(kind.dtype)
    return np.array(values, kind.dtype)


def _strings(content: bytes, count: int) -> np.ndarray | None:
    """Strings in one piece: the varint of each one's length, then all their bytes."""
    sizes: list[int] = []
    at = 0
    while len(sizes) < count:
        size = shift = 0
        while True:
            if at >= len(content) or shift > 28:
                return None
            byte = content[at]
            size, shift, at = size | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                break
        sizes.append(size)
    if at + sum(sizes) != len(content):
        return None
    array = np.empty(count, object)
    for index, size in enumerate(sizes):
        array[index] = content[at : at + size]
        at += size
    return array


def _filled_up(values: list[bytes], count: int) -> list[bytes]:
    return values + [values[-1] if values else b""] * (count - len(values))
