"""Serving until the process is told to end."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tfiqa.serving.server.grpc_server import DEFAULT_GRPC_PORT, GrpcServer
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.rest_server import DEFAULT_HOST, DEFAULT_REST_PORT, SHUTDOWN_SECONDS, RestServer


def serve_forever(
    inference: Inference,
    *,
    host: str = DEFAULT_HOST,
    rest_port: int = DEFAULT_REST_PORT,
    grpc_port: int | None = DEFAULT_GRPC_PORT,
    on_ready: Callable[[RestServer, GrpcServer | None], None] = lambda rest, grpc: None,
) -> None:
    """Loads the models, opens the ports and serves until SIGINT or SIGTERM. Must be called from the main thread.

    Args:
        inference: runs the models of a store that has not started yet. The store's own run timeout should be that of
            `inference`, too, so that a run is not only answered but also ended in time.
        host: the address to listen on.
        rest_port: the port of the REST interface; 0 takes a free one.
        grpc_port: that of the gRPC interface; None leaves it out.
        on_ready: called once the ports are open; `port` of each server is the port taken.

    Raises:
        ServerStartError: a model does not load, or a port is taken.
    """
    with ExitStack() as running:
        running.callback(inference.store.stop)
        inference.store.start()
        gc.freeze()  # collections need not walk TensorFlow's own objects: halves the time to parse a body of many lists
        rest = RestServer(inference, host=host, port=rest_port)
        rest.start()
        running.callback(rest.stop)
        grpc = None
        if grpc_port is not None:
            grpc = GrpcServer(inference, host=host, port=grpc_port)
            grpc.start()
            running.callback(grpc.stop, SHUTDOWN_SECONDS)
        with _end_signals() as ended:
            on_ready(rest, grpc)
            ended.wait()


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
