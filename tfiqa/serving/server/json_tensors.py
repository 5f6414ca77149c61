"""JSON values as tensors: nested lists of numbers, booleans, texts and base64 objects as NumPy arrays of a given type.

A well-formed value is converted level by level without a Python loop over its elements. Anything else is walked element
by element, only to find its first fault and word it as TensorFlow Serving does.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tfiqa.serving.server.json_text import shortened_json, type_word
from tfiqa.serving.server.loaded_model import type_name
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

NUMPY_MAX_RANK: Final = 64  # of NumPy 2; TensorFlow's own limit is 254

_INT32_RANGE: Final = (-(2**31), 2**31 - 1)
# What an integer token may be. The 8- and 16-bit types take any 32-bit value and keep its low bits, since TensorFlow
# Serving passes them on in a protocol buffer of 32-bit values.
_INTEGER_RANGES: Final = {
    tf.int8: _INT32_RANGE,
    tf.uint8: _INT32_RANGE,
    tf.int16: _INT32_RANGE,
    tf.int32: _INT32_RANGE,
    tf.int64: (-(2**63), 2**63 - 1),
    tf.uint32: (0, 2**32 - 1),
    tf.uint64: (0, 2**64 - 1),
}
_FLOAT_TYPES: Final = (tf.float32, tf.float64)
_BASE64_KEY: Final = "b64"
_BASE64 = re.compile(r"([A-Za-z0-9+/]*)(={0,2})")


def is_base64_object(value: Any) -> bool:
    """Whether a value is an object with the one key "b64" and a string: bytes, as JSON can hold them."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_BASE64_KEY), str)


def to_array(value: Any, dtype: tf.DType, name: str) -> np.ndarray:
    """A JSON value as an array; its shape is read along the first elements, and all others must fit.

    Args:
        value: a parsed JSON value.
        dtype: the input's type; decides which tokens are taken, with no casting between kinds.
        name: the input's name, for the error text.

    Returns:
        An array of that type; strings as an object array of bytes. Floats out of float32's range become infinite.

    Raises:
        StatusError: INVALID_ARGUMENT where the value does not fit, UNIMPLEMENTED for a type that JSON cannot fill.
        OverflowError: a float input holds an integer beyond the range of a double.
    """
    regular = _flattened(value)
    array = _converted(regular[1], dtype) if regular is not None else None
    if regular is None or array is None:
        check_element(value, dtype)
        raise AssertionError(f"the fault in {shortened_json(value)} was not found")
    if len(regular[0]) > NUMPY_MAX_RANK:
        raise invalid_argument(f"tensor parsing error: {name}")
    return array.reshape(regular[0])


def check_element(value: Any, dtype: tf.DType) -> tuple[int, ...]:
    """The shape of a JSON value that makes a tensor of the given type. Raises StatusError for its first fault."""
    shape = _shape_along_first(value)
    rank, fits = len(shape), _leaf_test(dtype)
    open_lists: list[Iterator[Any]] = [iter((value,))]
    while open_lists:
        try:
            item = next(open_lists[-1])
        except StopIteration:
            open_lists.pop()
            continue
        level = len(open_lists) - 1
        if not isinstance(item, list):
            if level != rank:
                raise invalid_argument(
                    f"JSON Value: {shortened_json(item)} found at incorrect level: {level + 1} in the JSON DOM. "
                    f"Expected at level: {rank}"
                )
            if not fits(item):
                raise _leaf_error(item, dtype)
            continue
        if level >= rank:
            raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {rank}")
        if len(item) != shape[level]:
            raise invalid_argument(
                f"Encountered list at unexpected size: {len(item)} at level: {level} expected size: {shape[level]}"
            )
        open_lists.append(iter(item))
    return shape


def _shape_along_first(value: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _flattened(value: Any) -> tuple[list[int], list[Any]] | None:
    """Shape and leaves of a regular nested list; None when its lists differ in size or depth."""
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list):
        if set(map(type, level)) != {list}:
            return None
        sizes = set(map(len, level))
        if len(sizes) != 1:
            return None
        shape.append(sizes.pop())
        level = list(chain.from_iterable(level))
    return shape, level


def _converted(leaves: list[Any], dtype: tf.DType) -> np.ndarray | None:
    """The leaves as a flat array, or None when one of them is not of that type. Raises StatusError for bad base64."""
    types = set(map(type, leaves))
    if dtype in _FLOAT_TYPES and types <= {int, float}:
        with np.errstate(over="ignore"):
            return np.array(leaves, np.float64).astype(dtype.as_numpy_dtype)
    if dtype in _INTEGER_RANGES and types <= {int}:
        return _integers(leaves, dtype)
    if dtype == tf.bool and types <= {bool}:
        return np.array(leaves, np.bool_)
    if dtype == tf.string and types <= {str, dict}:
        array = np.empty(len(leaves), object)
        array[:] = [bytes_of(leaf) for leaf in leaves]
        return array
    return np.empty(0, dtype.as_numpy_dtype) if not leaves else None


def _integers(leaves: list[int], dtype: tf.DType) -> np.ndarray | None:
    low, high = _INTEGER_RANGES[dtype]
    try:
        exact = np.array(leaves, np.uint64 if dtype == tf.uint64 else np.int64)
    except OverflowError:
        return None
    if exact.size and not low <= int(exact.min()) <= int(exact.max()) <= high:
        return None
    return exact.astype(dtype.as_numpy_dtype)


def _leaf_test(dtype: tf.DType) -> Callable[[Any], bool]:
    """Tells whether a single value (no list) is of the type. Raises StatusError itself for bad base64."""
    if dtype in _INTEGER_RANGES:
        low, high = _INTEGER_RANGES[dtype]
        return lambda value: type(value) is int and low <= value <= high
    if dtype in _FLOAT_TYPES:
        return lambda value: type(value) in (int, float)
    if dtype == tf.bool:
        return lambda value: type(value) is bool
    if dtype == tf.string:
        return lambda value: isinstance(value, (str, dict)) and bytes_of(value) is not None
    return lambda value: False


def _leaf_error(value: Any, dtype: tf.DType) -> StatusError:
    if dtype in (*_INTEGER_RANGES, *_FLOAT_TYPES, tf.bool, tf.string) or isinstance(value, dict):
        return invalid_argument(
            f"JSON Value: {shortened_json(value)} Type: {type_word(value)} is not of expected type: {type_name(dtype)}"
        )
    return StatusError(
        Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shortened_json(value)} to type: {type_name(dtype)}"
    )


def bytes_of(value: str | dict[str, Any]) -> bytes:
    """A string's UTF-8 bytes (or the very bytes received, where they were none), or what a base64 object holds."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if not is_base64_object(value):
        raise invalid_argument(f"JSON Value: {shortened_json(value)} not formatted correctly for base64 data")
    text = value[_BASE64_KEY]
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return _lenient_base64(text)
    padded_size = -(-len(data) // 3) * 4
    return data if len(text) == padded_size else _lenient_base64(text)  # strict mode lets surplus padding through


def _lenient_base64(text: str) -> bytes:
    """Base64 with white space inside or without its padding."""
    found = _BASE64.fullmatch("".join(text.split()))
    digits, padding = found.groups() if found else ("", "?")
    missing = -len(digits) % 4
    if missing == 3 or len(padding) not in (0, missing):
        raise invalid_argument("Unable to base64 decode")
    return binascii.a2b_base64(digits + "=" * missing)
