"""The canonical status codes that requests and model versions end in, and the HTTP status of each."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from tfiqa.serving.errors import ServerStartError


class Code(IntEnum):
    """Canonical codes with the numbers of google.rpc.Code, which TensorFlow's errors share."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def http_status(self) -> int:
        """The HTTP status that TensorFlow Serving's REST interface answers for this code."""
        return _HTTP_STATUS.get(self, 500)


_HTTP_STATUS: Final = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}


class StatusError(Exception):
    """A request or a load that ends in a code other than OK.

    Args:
        code: the canonical code.
        message: the text for the client, without the code.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message


def invalid_argument(message: str) -> StatusError:
    """The most frequent error: the request itself is wrong."""
    return StatusError(Code.INVALID_ARGUMENT, message)


def start_error(error: StatusError) -> ServerStartError:
    """What people are told when the server cannot start because of `error`, in TensorFlow Serving's words."""
    return ServerStartError(f"Failed to start server. Error: {error}")
