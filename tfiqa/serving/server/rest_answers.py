"""The JSON answers about models (status, metadata, errors), and the server's own front page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import tensorflow as tf
from google.protobuf import json_format  # type: ignore[import-untyped]

from tfiqa.serving.server.loaded_model import DEFAULT_SIGNATURE, LoadedModel
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.served_model import State, VersionStatus
from tfiqa.serving.server.status import Code, StatusError


def error_answer(error: StatusError) -> bytes:
    """`{"error": "..."}`"""
    return _json({"error": error.message})


def status_answer(statuses: list[VersionStatus]) -> bytes:
    """The states of a model's versions, in the order given."""
    return _json({"model_version_status": [_version_status(status) for status in statuses]})


def metadata_answer(model_name: str, version: int, model: LoadedModel) -> bytes:
    """The signatures of a model, with default-valued fields printed, as protocol buffers print in JSON."""
    definitions = {
        name: json_format.MessageToDict(
            definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for name, definition in model.definitions.items()
    }
    return _json(
        {
            "model_spec": {"name": model_name, "signature_name": "", "version": str(version)},
            "metadata": {"signature_def": {"signature_def": definitions}},
        }
    )


def front_page(store: ModelStore, address: str) -> bytes:
    """Plain text that says what is served and how to ask for it.

    Args:
        store: the models.
        address: host and port as the reader reached them.
    """
    sections = [_model_section(store, name, f"http://{address}/v1/models/{quote(name)}") for name in store.names()]
    return "\n\n".join(["tfiqa serves these models (REST interface of TensorFlow Serving):", *sections, ""]).encode()


def _model_section(store: ModelStore, name: str, url: str) -> str:
    try:
        versions = [status.version for status in store.statuses(name) if status.state is State.AVAILABLE]
        with store.borrow(name) as (_, model):
            call = _example_call(model, url)
    except StatusError as error:
        return f"{name}: not available ({error.message})"
    return f"{name}, version {', '.join(map(str, versions))}\n  curl {url}/metadata\n  {call}"


def _example_call(model: LoadedModel, url: str) -> str:
    """A shell line that sends a picture, or the shape of the request when the model does not take just that."""
    signature = model.signatures.get(DEFAULT_SIGNATURE)
    inputs = signature.inputs if signature is not None else {}
    if [info.dtype for info in inputs.values()] == [tf.string]:
        picture = """(printf '{"instances": [{"b64": "'; base64 < photo.jpg | tr -d '\\n'; printf '"}]}')"""
        return f"{picture} | curl --data-binary @- {url}:predict"
    members = ", ".join(f'"{name}": ...' for name in inputs)
    return f"curl -d '{{\"instances\": [{{{members}}}]}}' {url}:predict"


def _version_status(status: VersionStatus) -> dict[str, Any]:
    code, message = (Code.OK, "") if status.error is None else (status.error.code, status.error.message)
    return {
        "version": str(status.version),
        "state": status.state.value,
        "status": {"error_code": code.name, "error_message": message},
    }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=4).encode()
