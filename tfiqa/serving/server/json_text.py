"""JSON text of single values: numbers as TensorFlow Serving prints them, and values shortened for error texts."""

from __future__ import annotations

import json
import math
import struct
from itertools import islice
from typing import Any, Final

import numpy as np

ERROR_TEXT_LIMIT: Final = 256  # characters of a received value that an error text repeats
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1
_FEW: Final = 8  # numbers; so many take less time one by one than in NumPy
_FLOAT32: Final = struct.Struct("f")
_SPECIAL: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def decimal_texts(values: np.ndarray) -> list[str]:
    """The JSON number tokens of a flat float32 or float64 array.

    Six significant digits where they stand for exactly that number, otherwise 9 (float32) or 17 (float64), which always
    do. A whole number keeps a trailing ".0", so that a reader can tell floats from integers. Not finite: NaN, Infinity,
    -Infinity.
    """
    digits = 9 if values.dtype == np.float32 else 17
    numbers = values.tolist()
    texts = [f"{number:g}" for number in numbers]
    if len(texts) <= _FEW:
        return [_marked(_exact(text, number, digits)) for text, number in zip(texts, numbers, strict=True)]
    read_back = np.fromiter(map(float, texts), np.float64, len(texts)).astype(values.dtype)
    for index in np.flatnonzero(read_back != values).tolist():
        texts[index] = f"{numbers[index]:.{digits}g}"
    return [_marked(text) for text in texts]


def _exact(text: str, number: float, digits: int) -> str:
    """The text if it stands for that number, a float32 when 9 digits tell any two apart, otherwise one of so many digits."""
    if digits == 9:
        (read_back,) = _FLOAT32.unpack(_FLOAT32.pack(float(text)))
    else:
        read_back = float(text)
    return text if read_back == number else f"{number:.{digits}g}"


def _marked(text: str) -> str:
    """The text of a number with the sign of floats."""
    return text if "." in text or "e" in text else _SPECIAL.get(text, text + ".0")


def type_word(value: Any) -> str:
    """The name of a JSON value's type in error texts."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return "String"
    if isinstance(value, list):
        return "Array"
    return "Object" if isinstance(value, dict) else "Number"


class _Token(str):
    """A finished piece of text, as against a string value that is still to be quoted."""


def shortened_json(value: Any) -> str:
    """A JSON value on one line, cut at ERROR_TEXT_LIMIT characters; takes values nested to any depth."""
    pieces: list[str] = []
    size, waiting = 0, [value]
    while waiting and size <= ERROR_TEXT_LIMIT:
        item = waiting.pop()
        if isinstance(item, (list, dict)):
            waiting.extend(reversed(_members(item)))
            continue
        piece = item if isinstance(item, _Token) else _scalar_text(item)
        pieces.append(piece)
        size += len(piece)
    text = "".join(pieces)
    return text if len(text) <= ERROR_TEXT_LIMIT else text[:ERROR_TEXT_LIMIT] + "..."


def _members(container: list[Any] | dict[str, Any]) -> list[Any]:
    """Brackets, separators and the first members of a container, as many as can be printed at all."""
    named = isinstance(container, dict)
    parts: list[Any] = [_Token("{" if named else "[")]
    for member in islice(container, ERROR_TEXT_LIMIT):
        if len(parts) > 1:
            parts.append(_Token(", "))
        parts.extend((member, _Token(": "), container[member]) if isinstance(container, dict) else (member,))
    return [*parts, _Token("}" if named else "]")]


def _scalar_text(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value[:ERROR_TEXT_LIMIT], ensure_ascii=False)
    if isinstance(value, float) or (isinstance(value, int) and not _INT64_MIN <= value <= _UINT64_MAX):
        return decimal_texts(np.array([_as_double(value)]))[0]
    return json.dumps(value)


def _as_double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf
