"""The answer to a predict request: named arrays as JSON, in the form of the request."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import tensorflow as tf

from tfiqa.serving.server.json_text import decimal_texts
from tfiqa.serving.server.loaded_model import type_name
from tfiqa.serving.server.status import invalid_argument

BYTES_SUFFIX: Final = "_bytes"  # string outputs with this ending are answered in base64
_INTEGER_TYPES: Final = (tf.int8, tf.uint8, tf.int16, tf.int32, tf.int64, tf.uint32, tf.uint64)
_LINE: Final = ",\n        "


def predict_answer(outputs: Mapping[str, np.ndarray], row_form: bool) -> bytes:
    """The JSON body of a predict answer.

    Args:
        outputs: the model's outputs by name; a single one is answered without its name.
        row_form: `{"predictions": [...]}` with one value (or object) a row; otherwise `{"outputs": ...}`.

    Raises:
        StatusError: INVALID_ARGUMENT when an output has a type that JSON cannot hold, or, in row form, no first
            dimension or another one than the others.
    """
    answer = _rows(outputs) if row_form else _columns(outputs)
    return ("{\n    " + answer + "\n}").encode()


def _columns(outputs: Mapping[str, np.ndarray]) -> str:
    texts = {name: _nested(_value_texts(name, array), array.shape)[0] for name, array in outputs.items()}
    return f'"outputs": {_members(texts) if len(texts) > 1 else next(iter(texts.values()))}'


def _rows(outputs: Mapping[str, np.ndarray]) -> str:
    size = None
    for name, array in outputs.items():
        if not array.shape:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if size is not None and len(array) != size:
            raise invalid_argument(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}")
        size = len(array)
    columns = {name: _nested(_value_texts(name, array), array.shape[1:], len(array)) for name, array in outputs.items()}
    if len(columns) > 1:
        rows = [_members(dict(zip(columns, texts, strict=True))) for texts in zip(*columns.values(), strict=True)]
    else:
        (rows,) = columns.values()
    return f'"predictions": [\n        {_LINE.join(rows)}\n    ]' if rows else '"predictions": []'


def _members(texts: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"


def _nested(texts: list[str], shape: tuple[int, ...], count: int = 1) -> list[str]:
    """`count` nested lists of the given shape, from the texts of their values in order."""
    for axis in reversed(range(len(shape))):
        size, groups = shape[axis], count * math.prod(shape[:axis])
        texts = ["[" + ", ".join(texts[group * size : (group + 1) * size]) + "]" for group in range(groups)]
    return texts


def _value_texts(name: str, array: np.ndarray) -> list[str]:
    """The JSON text of each value, in order."""
    flat, dtype = array.ravel(), tf.as_dtype(array.dtype)
    if dtype in (tf.float32, tf.float64):
        return decimal_texts(flat)
    if dtype in _INTEGER_TYPES:
        return [str(value) for value in flat.tolist()]
    if dtype == tf.bool:
        return ["true" if value else "false" for value in flat.tolist()]
    if dtype == tf.string:
        return [_string_text(name, value) for value in flat.tolist()]
    raise invalid_argument(f"Failed to write JSON value for tensor type: {type_name(dtype)}")


def _string_text(name: str, value: bytes) -> str:
    if name.endswith(BYTES_SUFFIX):
        return f'{{"b64": "{base64.b64encode(value).decode()}"}}'
    try:
        return json.dumps(value.decode(), ensure_ascii=False)
    except UnicodeDecodeError as error:
        raise invalid_argument(
            f"Output {name} holds bytes that are no UTF-8 text; only names ending in {BYTES_SUFFIX} are sent in base64"
        ) from error
