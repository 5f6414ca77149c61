"""Tensors in protocol buffers, read and written with the rules of TensorFlow's C++ runtime.

`tf.make_ndarray` has other rules (it refuses surplus values) and takes 400 times longer for typed fields.
"""

from __future__ import annotations

import math
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

_VALUE_FIELDS: Final = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int64: "int64_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.bool: "bool_val",
    tf.string: "string_val",
    tf.half: "half_val",
    tf.bfloat16: "half_val",
    tf.complex64: "scomplex_val",
    tf.complex128: "dcomplex_val",
    **dict.fromkeys((tf.int8, tf.int16, tf.int32, tf.uint8, tf.uint16), "int_val"),
}


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
    dtype = _known_type(proto.dtype)
    flat = None
    if dtype is not None and min(shape, default=0) >= 0 and len(shape) <= NUMPY_MAX_RANK:
        count = math.prod(shape)
        if count * (dtype.size or _STRING_BYTES) <= MAX_TENSOR_BYTES:
            flat = _flat(proto, dtype, count)
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
    dtype = tf.as_dtype(array.dtype)
    if dtype not in _VALUE_FIELDS:
        raise invalid_argument(f"Failed to write a tensor of type {type_name(dtype)}")
    proto.dtype = dtype.as_datatype_enum
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if not array.shape:
        proto.tensor_shape.SetInParent()
    if as_content and dtype != tf.string:
        proto.tensor_content = array.tobytes()
        return
    flat = array.ravel()
    if dtype in (tf.half, tf.bfloat16):
        flat = flat.view(np.uint16)
    elif dtype.is_complex:
        flat = flat.view(dtype.real_dtype.as_numpy_dtype)
    getattr(proto, _VALUE_FIELDS[dtype]).extend(flat.tolist())  # four times faster than from the array itself


def _known_type(number: int) -> tf.DType | None:
    try:
        dtype = tf.as_dtype(number)
    except TypeError:
        return None
    return dtype if dtype in _VALUE_FIELDS else None


def _flat(proto: tensor_pb2.TensorProto, dtype: tf.DType, count: int) -> np.ndarray | None:
    """The tensor's values in order, None when they do not make `count`."""
    if not count:
        return np.empty(0, dtype.as_numpy_dtype)
    if proto.tensor_content:
        return _from_content(proto.tensor_content, dtype, count)
    values = getattr(proto, _VALUE_FIELDS[dtype])
    given = len(values) // (2 if dtype.is_complex else 1)
    if given < count and count * (dtype.size or _STRING_BYTES) > MAX_FILLED_UP_BYTES:
        return None
    return _from_values(values, dtype, count)


def _from_content(content: bytes, dtype: tf.DType, count: int) -> np.ndarray | None:
    if dtype == tf.string:
        return _strings(content, count)
    if len(content) != count * dtype.size:
        return None
    return np.frombuffer(content, dtype.as_numpy_dtype)


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


def _from_values(values: Any, dtype: tf.DType, count: int) -> np.ndarray:
    if dtype == tf.string:
        array = np.empty(count, object)
        array[:] = _filled_up(list(values[:count]), count, b"")
        return array
    if dtype.is_complex:
        given = np.array(values, dtype.real_dtype.as_numpy_dtype)
        numbers = given[: len(given) // 2 * 2].view(dtype.as_numpy_dtype)
    elif dtype in (tf.half, tf.bfloat16):
        numbers = np.array(values, np.int64).astype(np.uint16).view(dtype.as_numpy_dtype)
    elif dtype.is_integer:
        # Narrow types come in 32-bit fields and keep their low bits.
        numbers = np.array(values, np.uint64 if dtype == tf.uint64 else np.int64).astype(dtype.as_numpy_dtype)
    else:
        numbers = np.array(values, dtype.as_numpy_dtype)
    if len(numbers) >= count:
        return numbers[:count]
    return np.concatenate([numbers, np.full(count - len(numbers), numbers[-1] if len(numbers) else 0, numbers.dtype)])


def _filled_up(values: list[bytes], count: int, empty: bytes) -> list[bytes]:
    return values + [values[-1] if values else empty] * (count - len(values))
