"""What all gRPC methods share: a call's deadline and the way an error reaches the client."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from tfiqa.serving.server.inference import ModelSpec
from tfiqa.serving.server.serving_api import grpc, model_pb2
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

logger = logging.getLogger(__name__)

MAX_MESSAGE: Final = 1024  # characters of an error text; TensorFlow Serving cuts there, since texts travel in a header
_CUT: Final = "...TRUNCATED"
_STATUS: Final = {code.value[0]: code for code in grpc.StatusCode}

Request = TypeVar("Request")
Reply = TypeVar("Reply")


def answered(
    context: Any,
    method: str,
    request: Request,
    answer: Callable[[Request], Reply],
    ended: Callable[[Code], None] = lambda code: None,
) -> Reply:
    """`answer(request)`; a StatusError ends the call with its code and text, anything else with INTERNAL.

    `ended` is told how the call ended.
    """
    try:
        reply = answer(request)
        ended(Code.OK)
        return reply
    except StatusError as error:
        failure = error
    except Exception:
        logger.exception("failed to answer %s", method)
        failure = StatusError(Code.INTERNAL, "Internal error; the server's log tells more")
    ended(failure.code)
    text = failure.message
    context.abort(_STATUS[failure.code], text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + _CUT)
    raise AssertionError("abort raises")


def asked_model(request: Any) -> ModelSpec:
    """The model that a request names. Raises StatusError (INVALID_ARGUMENT) when it has no model_spec."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    return _model_spec(request.model_spec)


def named_model(request: Any) -> ModelSpec:
    """`asked_model` where the name must not be empty."""
    return _named(asked_model(request))


def model_of(spec: model_pb2.ModelSpec) -> ModelSpec:
    """The model that a message names. Raises StatusError (INVALID_ARGUMENT) when the name is empty."""
    return _named(_model_spec(spec))


def _model_spec(spec: model_pb2.ModelSpec) -> ModelSpec:
    choice = spec.WhichOneof("version_choice")  # a version that is set to 0 is version 0
    return ModelSpec(
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
    )


def _named(spec: ModelSpec) -> ModelSpec:
    if not spec.name:
        raise invalid_argument("ModelSpec has no name specified.")
    return spec
