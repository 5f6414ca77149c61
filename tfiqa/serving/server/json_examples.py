"""Classification and regression over REST: `tf.train.Example`s from JSON, and the results as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tfiqa.serving.server.example_inference import Classes
from tfiqa.serving.server.json_document import JsonDocument
from tfiqa.serving.server.json_tensors import bytes_of, is_base64_object
from tfiqa.serving.server.json_text import decimal_texts, shortened_json, type_word
from tfiqa.serving.server.status import StatusError, invalid_argument

EXAMPLES: Final = "examples"
CONTEXT: Final = "context"
_INT64_MIN, _INT64_MAX, _UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1
_KIND_NAMES: Final = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read_examples(document: JsonDocument) -> list[bytes]:
    """The request's examples, serialized, each after the context if there is one.

    A feature's values are a single value or a flat list. Texts and base64 objects make bytes; numbers with a fraction or an
    exponent, NaN and Infinity floats; whole numbers and booleans int64. They must be of one kind.

    Raises:
        StatusError: INVALID_ARGUMENT, with the first fault.
    """
    try:
        return _read(document, known_finite=False)
    except _TooLarge:
        # The fast parser makes 1e999 infinite; the other one tells it from Infinity and refuses it.
        return _read(document.read_again(), known_finite=True)


def regressions_answer(values: Sequence[float]) -> bytes:
    """`{"results": [3.0, ...]}`, a number for each example."""
    return _results(_decimals(values))


def classifications_answer(results: Sequence[Classes]) -> bytes:
    """`{"results": [[["label", 0.5], ...], ...]}`, a list of pairs for each example."""
    return _results(
        [
            "[" + ", ".join(f"[{_text(label)}, {score}]" for label, score in zip(labels, scores, strict=True)) + "]"
            for labels, scores in ((result.labels, _decimals(result.scores)) for result in results)
        ]
    )


class _TooLarge(Exception):
    """A number that the fast parser may have let through although it is beyond the range of a double."""


def _read(document: JsonDocument, *, known_finite: bool) -> list[bytes]:
    members = document.members
    context = _serialized(members[CONTEXT], known_finite) if CONTEXT in members else b""
    if EXAMPLES not in members:
        raise _format_error(document, f"When method is classify, key '{EXAMPLES}' is expected and was not found")
    examples = members[EXAMPLES]
    if not isinstance(examples, list):
        raise _format_error(document, f"Expecting '{EXAMPLES}' value to be an list/array")
    if not examples:
        raise _format_error(document, f"'{EXAMPLES}' value is an empty array")
    # Protocol buffers that are joined end to end parse as one, in which a later feature replaces an earlier one of its name.
    return [context + _serialized(example, known_finite) for example in examples]


def _serialized(value: Any, known_finite: bool) -> bytes:
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {type_word(value)}")
    example = tf.train.Example()
    for name, content in value.items():
        feature = example.features.feature[_name(name)]
        kind, values = "", []
        for item in content if isinstance(content, list) else (content,):
            found, converted = _converted(item, name, known_finite)
            if kind not in ("", found):
                raise invalid_argument(
                    f"Unexpected element type in feature: {name} expecting type: {_KIND_NAMES[kind]}"
                )
            kind = found
            values.append(converted)
        if kind:
            getattr(feature, kind).value.extend(values)
    return example.SerializeToString()


def _converted(item: Any, name: str, known_finite: bool) -> tuple[str, Any]:
    """The kind of list that a value belongs into, and the value for it."""
    if isinstance(item, bool):
        return "int64_list", int(item)
    if isinstance(item, int) and _INT64_MIN <= item <= _UINT64_MAX:
        if item > _INT64_MAX:
            raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64_list", item
    if isinstance(item, (int, float)):
        try:
            number = float(item)
        except OverflowError:
            raise _TooLarge from None
        if math.isinf(number) and not known_finite:
            raise _TooLarge
        return "float_list", number
    if isinstance(item, str) or is_base64_object(item):
        return "bytes_list", bytes_of(item)
    raise invalid_argument(f"Feature: {name} has element with unexpected JSON type: {type_word(item)}")


def _name(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise invalid_argument(f"Feature name {shortened_json(name)} is no UTF-8 text") from None
    return name


def _decimals(values: Sequence[float]) -> list[str]:
    return decimal_texts(np.array(values, np.float32))


def _text(label: str) -> str:
    return json.dumps(label, ensure_ascii=False)


def _results(texts: list[str]) -> bytes:
    return ('{\n    "results": [' + ", ".join(texts) + "]\n}").encode()


def _format_error(document: JsonDocument, reason: str) -> StatusError:
    return invalid_argument(f"JSON Value: {shortened_json(document.members)} {reason}")
