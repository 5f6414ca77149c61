"""Serving until the process is told to end."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from tfiqa.serving.server.batching import Batching
from tfiqa.serving.server.grpc_server import DEFAULT_GRPC_PORT, GRPC_THREADS, GrpcServer
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.limits import DEFAULT_LIMITS, Limits
from tfiqa.serving.server.rest_app import REST_THREADS
from tfiqa.serving.server.rest_server import DEFAULT_HOST, DEFAULT_REST_PORT, SHUTDOWN_SECONDS, RestServer

_MAX_BATCHING_THREADS: Final = 512
_UNLOAD_SECONDS: Final = 1.0  # for the models to be freed; a load that is under way is not waited for longer


@dataclass(frozen=True)
class ServeSettings:
    """How `serve_forever` talks to clients.

    Args:
        host: the address to listen on.
        rest_port: the port of the REST interface; 0 takes a free one.
        grpc_port: that of the gRPC interface; None leaves it out.
        rest_threads: REST requests that are worked on at a time; None is REST_THREADS, with batching more (`threads_for`).
        grpc_threads: the same of gRPC, GRPC_THREADS.
        cors: whether pages of other origins may read the answers.
        as_content: whether tensors in gRPC replies are raw bytes instead of typed fields.
        grpc_health: whether to add the health service of gRPC.
        metrics_path: where the metrics are to be had; None leaves them out.
        limits: what clients may take.
        shutdown_seconds: for requests under way when the server is told to end.
    """

    host: str = DEFAULT_HOST
    rest_port: int = DEFAULT_REST_PORT
    grpc_port: int | None = DEFAULT_GRPC_PORT
    rest_threads: int | None = None
    grpc_threads: int | None = None
    cors: bool = False
    as_content: bool = False
    grpc_health: bool = False
    metrics_path: str | None = None
    limits: Limits = DEFAULT_LIMITS
    shutdown_seconds: float = SHUTDOWN_SECONDS


def threads_for(batching: Batching | None, least: int) -> int:
    """Threads of a protocol: a request that waits in a batch keeps its thread, so there must be more than a batch has rows.

    With batching it is twice the largest batch for each batch thread, at least `least` and at most _MAX_BATCHING_THREADS; what
    TensorFlow Serving advises, where one sets it oneself.
    """
    if batching is None:
        return least
    parameters = batching.parameters
    return max(least, min(_MAX_BATCHING_THREADS, 2 * parameters.max_batch_size * parameters.num_batch_threads))


def serve_forever(
    inference: Inference,
    settings: ServeSettings,
    on_ready: Callable[[RestServer, GrpcServer | None], None] = lambda rest, grpc: None,
) -> bool:
    """Loads the models, opens the ports and serves until SIGINT or SIGTERM. Must be called from the main thread.

    Requests under way are then finished; a second signal ends the process at once.

    Args:
        inference: runs the models of a store that has not started yet. The store's own run timeout should be that of
            `inference`, too, so that a run is not only answered but also ended in time.
        settings: how to talk to clients.
        on_ready: called once the ports are open; `port` of each server is the port taken.

    Returns:
        Whether everything has ended; if not, threads are still at work, and `leave` ends the process nevertheless.

    Raises:
        ServerStartError: a model does not load, or a port is taken.
    """
    with ExitStack() as running:
        running.callback(inference.store.stop)
        inference.store.start()
        gc.freeze()  # collections need not walk TensorFlow's own objects: halves the time to parse a body of many lists
        rest = _rest_server(inference, settings)
        rest.start()
        running.callback(rest.stop)
        grpc = _grpc_server(inference, settings)
        if grpc is not None:
            grpc.start()
            running.callback(grpc.stop, settings.shutdown_seconds)
        with _end_signals() as ended:
            on_ready(rest, grpc)
            ended.wait()
            running.pop_all()
            return _shut_down(inference, rest, grpc, settings.shutdown_seconds)


def leave() -> None:
    """Ends the process with status 0, whatever its threads are doing."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _rest_server(inference: Inference, settings: ServeSettings) -> RestServer:
    return RestServer(
        inference,
        host=settings.host,
        port=settings.rest_port,
        threads=settings.rest_threads or threads_for(inference.batching, REST_THREADS),
        limits=settings.limits,
        cors=settings.cors,
        metrics_path=settings.metrics_path,
    )


def _grpc_server(inference: Inference, settings: ServeSettings) -> GrpcServer | None:
    if settings.grpc_port is None:
        return None
    return GrpcServer(
        inference,
        host=settings.host,
        port=settings.grpc_port,
        threads=settings.grpc_threads or threads_for(inference.batching, GRPC_THREADS),
        limits=settings.limits,
        as_content=settings.as_content,
        health=settings.grpc_health,
    )


def _shut_down(inference: Inference, rest: RestServer, grpc: GrpcServer | None, seconds: float) -> bool:
    """Closes both ports at once, then lets both protocols' requests finish in the same time."""
    end = time.monotonic() + seconds
    rest.close_port()
    if grpc is not None:
        grpc.close_port(seconds)
    if inference.batching is not None:
        inference.batching.drain()
    finished = [rest.stop(seconds)]
    if grpc is not None:
        finished.append(grpc.stop(max(0.0, end - time.monotonic())))
    finished.append(_within(_UNLOAD_SECONDS, inference.store.stop))
    if inference.batching is not None:
        finished.append(_within(_UNLOAD_SECONDS, inference.batching.stop))
    return all(finished)


def _within(seconds: float, action: Callable[[], None]) -> bool:
    """Whether an action ends in time; it goes on if not."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


@contextmanager
def _end_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the process."""
    ended = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def end(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        ended.set()

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
