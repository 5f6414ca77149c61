"""What one client may take of the server, so that there is something left for the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 2**20


@dataclass(frozen=True)
class Limits:
    """Limits of the server that TensorFlow Serving does not have; the defaults are beyond what honest clients need.

    Args:
        max_body_bytes: of a REST request; a larger one is answered 413.
        max_message_bytes: of a gRPC request; a larger one ends in RESOURCE_EXHAUSTED.
        max_waiting: inference requests under way at a time, waiting ones included, for each protocol; further ones are answered
            503 and RESOURCE_EXHAUSTED.
        max_connections: of REST clients at a time; a further one is answered 503 and closed.
        slow_client_seconds: for the head of a REST request, and so an idle connection; for its body with another second for
            each 16 KiB. A slower client is answered 408, or just closed.
    """

    max_body_bytes: int = 256 * MEBIBYTE
    max_message_bytes: int = 2**31 - 1  # TensorFlow Serving's own; grpc's of 4 MiB is too small for pictures
    max_waiting: int = 1000
    max_connections: int = 2000
    slow_client_seconds: float = 60.0


DEFAULT_LIMITS: Final = Limits()
