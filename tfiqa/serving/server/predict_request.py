"""The body of a predict request: its signature, and its tensors in row form ("instances") or column form ("inputs")."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tfiqa.serving.server.json_document import JsonDocument
from tfiqa.serving.server.json_tensors import check_element, is_base64_object, to_array
from tfiqa.serving.server.json_text import shortened_json
from tfiqa.serving.server.loaded_model import DEFAULT_SIGNATURE, Signature, TensorInfo
from tfiqa.serving.server.status import StatusError, invalid_argument

ROWS: Final = "instances"
COLUMNS: Final = "inputs"


def requested_signature(document: JsonDocument) -> str:
    """The name of the signature to run. Raises StatusError when it is no string."""
    name = document.members.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {shortened_json(document.members)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name or DEFAULT_SIGNATURE


def is_row_form(document: JsonDocument) -> bool:
    """Whether the request, and so its answer, is in row form. Raises StatusError unless it is in exactly one form."""
    forms = [key for key in (ROWS, COLUMNS) if key in document.members]
    if not forms:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    if len(forms) > 1:
        raise _format_error(
            document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"
        )
    return forms == [ROWS]


def read_inputs(document: JsonDocument, signature: Signature) -> dict[str, np.ndarray]:
    """The request's tensors, one for each of the signature's inputs.

    Row form stacks the instances along a new first dimension; column form takes each value as it is. Shapes are not
    compared with the signature: the graph decides.

    Raises:
        StatusError: with the place and the reason; INVALID_ARGUMENT, or UNIMPLEMENTED for a type that JSON cannot fill.
    """
    fill = _from_rows if is_row_form(document) else _from_columns
    try:
        inputs = fill(document, signature.inputs)
    except OverflowError:
        return fill(document.read_again(), signature.inputs)
    if any(array.dtype.kind == "f" and np.isinf(array).any() for array in inputs.values()):
        # The fast parser makes 1e999 infinite; the other one tells it from Infinity and refuses it.
        return fill(document.read_again(), signature.inputs)
    return inputs


def _from_columns(document: JsonDocument, infos: Mapping[str, TensorInfo]) -> dict[str, np.ndarray]:
    columns = document.members[COLUMNS]
    if not isinstance(columns, dict) or is_base64_object(columns):
        if len(infos) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        columns = dict.fromkeys(infos, columns)
    inputs = {}
    for name, info in infos.items():
        if name not in columns:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
        inputs[name] = to_array(columns[name], info.dtype, name)
    return inputs


def _from_rows(document: JsonDocument, infos: Mapping[str, TensorInfo]) -> dict[str, np.ndarray]:
    rows = document.members[ROWS]
    if not isinstance(rows, list):
        raise _format_error(document, "Expecting 'instances' to be an list/array")
    if not rows:
        raise _format_error(document, "No values in 'instances' array")
    if not isinstance(rows[0], dict) and len(infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    try:
        columns = _columns_of(rows, infos)
        return {name: to_array(column, infos[name].dtype, name) for name, column in columns.items()}
    except StatusError:
        _check_rows(rows, infos)
        raise


def _columns_of(rows: list[Any], infos: Mapping[str, TensorInfo]) -> dict[str, list[Any]]:
    """The values of each input over all rows. Raises StatusError when the rows differ in form."""
    named = _is_named_row(rows[0])
    if any(_is_named_row(row) != named or (named and row.keys() != infos.keys()) for row in rows):
        raise invalid_argument("The instances differ in form")
    return {name: [row[name] for row in rows] for name in infos} if named else {next(iter(infos)): rows}


def _is_named_row(row: Any) -> bool:
    return isinstance(row, dict) and not is_base64_object(row)


def _check_rows(rows: list[Any], infos: Mapping[str, TensorInfo]) -> None:
    """Raises the StatusError of the first row that does not fit, and of the first value in it."""
    named = _is_named_row(rows[0])
    shapes: dict[str, tuple[int, ...]] = {}
    for number, row in enumerate(rows):
        if _is_named_row(row) != named:
            expected, found = ("object", "list") if named else ("value/list", "object")
            raise invalid_argument(f"Expecting {expected} but got {found} at item {number} of input list")
        for name, value in row.items() if named else ((next(iter(infos)), row),):
            try:
                _check_value(name, value, infos, shapes)
            except StatusError as error:
                key = f" key: {name}" if named else ""
                raise invalid_argument(
                    f"Failed to process element: {number}{key} of 'instances' list. Error: {error}"
                ) from error
        if named and row.keys() != infos.keys():
            raise invalid_argument(
                f"Failed to process element: {number} of 'instances' list. JSON object: {shortened_json(row)} "
                f"keys must be equal to: {','.join(sorted(infos))}"
            )


def _check_value(name: str, value: Any, infos: Mapping[str, TensorInfo], shapes: dict[str, tuple[int, ...]]) -> None:
    """Checks one value of one row against its type and the shape of the first row."""
    if name not in infos:
        raise invalid_argument(f"JSON object: does not have named input: {name}")
    shape = check_element(value, infos[name].dtype)
    first = shapes.setdefault(name, shape)
    if math.prod(shape) != math.prod(first):
        raise invalid_argument(f"Expecting tensor size: {math.prod(first)} but got: {math.prod(shape)}")
    if shape != first:
        raise invalid_argument(f"Expecting shape {_shape_text(first)} but got: {_shape_text(shape)}")


def _shape_text(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _format_error(document: JsonDocument, reason: str) -> StatusError:
    return invalid_argument(f"JSON Value: {shortened_json(document.members)} {reason}")
