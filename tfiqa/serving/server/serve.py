"""Serving until the process is told to end."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tfiqa.serving.server.loaded_model import RUN_TIMEOUT_SECONDS
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.rest_server import DEFAULT_HOST, DEFAULT_PORT, RestServer


def serve_forever(
    store: ModelStore,
    *,
    host: str = DEFAULT_HOST,
    rest_port: int = DEFAULT_PORT,
    timeout_seconds: float = RUN_TIMEOUT_SECONDS,
    on_ready: Callable[[RestServer], None] = lambda server: None,
) -> None:
    """Loads the models, opens the port and serves until SIGINT or SIGTERM. Must be called from the main thread.

    Args:
        store: the models, not started yet; their own run timeout should be `timeout_seconds`, too, so that a run is
            not only answered but also ended in time.
        host: the address to listen on.
        rest_port: the port; 0 takes a free one.
        timeout_seconds: a predict request that takes longer is answered with 504.
        on_ready: called once the port is open; `server.port` is the port taken.

    Raises:
        ServerStartError: a model does not load, or the port is taken.
    """
    store.start()
    gc.freeze()  # collections need not walk TensorFlow's own objects: halves the time to parse a body of many lists
    try:
        server = RestServer(store, host=host, port=rest_port, timeout_seconds=timeout_seconds)
        server.start()
        try:
            with _end_signals() as ended:
                on_ready(server)
                ended.wait()
        finally:
            server.stop()
    finally:
        store.stop()


@contextmanager
def _end_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; a second signal, once the block has been left, acts as usual."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
