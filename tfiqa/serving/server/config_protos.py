"""TensorFlow Serving's configuration messages that its package does not bring along, read from text files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from tfiqa.serving.errors import ServerStartError

_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {"int64": _FIELD.TYPE_INT64, "bool": _FIELD.TYPE_BOOL, "string": _FIELD.TYPE_STRING}
_PACKAGE: Final = "tensorflow.serving"


def message_classes(messages: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Classes of protocol buffer messages of TensorFlow Serving, made without its .proto files.

    Args:
        messages: the fields of each message by its name, as they stand in a .proto file but for the number: "int64 count",
            "repeated int64 sizes", "Other other" for another message, "google.protobuf.Int64Value count" for a wrapped scalar.
            The numbers are the positions, from 1; in text they do not show.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="tfiqa/config.proto", package=_PACKAGE, syntax="proto3", dependency=["google/protobuf/wrappers.proto"]
    )
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, line in enumerate(fields, 1):
            *repeated, kind, field_name = line.split()
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type = _FIELD.TYPE_MESSAGE
                field.type_name = f".{kind}" if "." in kind else f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()  # its own, so that it cannot clash with a package that has these messages
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    found = (pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in messages)
    return {descriptor.name: message_factory.GetMessageClass(descriptor) for descriptor in found}


def read_text_proto(path: Path, *kinds: Any) -> Any:
    """The message in a text file, of the first of `kinds` that fits.

    Raises:
        ServerStartError: the file cannot be read, or fits none; the reason is that of the first kind.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerStartError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'no UTF-8 text'}") from error
    problem = ""
    for kind in kinds:
        try:
            return text_format.Parse(text, kind())
        except text_format.ParseError as error:
            problem = problem or str(error)
    raise ServerStartError(f"Invalid protobuf file: '{path}': {problem}")
