"""Whether the server lives, and whether it is ready for requests."""

from __future__ import annotations

import json
from typing import Final

from tfiqa.serving.server.model_store import ModelStore, State
from tfiqa.serving.server.status import StatusError

LIVE_PATH: Final = "/healthz"
READY_PATH: Final = "/readyz"


def live_answer() -> bytes:
    """What LIVE_PATH answers as long as there is somebody to answer."""
    return b'{"live": true}'


def ready_answer(store: ModelStore, *, shutting_down: bool) -> tuple[bool, bytes]:
    """Whether every model has an available version and the server is to stay, and the answer of READY_PATH that says so."""
    missing = [name for name in store.names() if not _is_available(store, name)]
    ready = not missing and not shutting_down
    document: dict[str, object] = {"ready": ready}
    if missing:
        document["unavailable"] = missing
    if shutting_down:
        document["shutting_down"] = True
    return ready, json.dumps(document).encode()


def _is_available(store: ModelStore, name: str) -> bool:
    try:
        return any(status.state is State.AVAILABLE for status in store.statuses(name))
    except StatusError:  # no version was ever there
        return False
