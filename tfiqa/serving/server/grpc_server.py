"""The gRPC server: a listening port and threads that answer."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.limits import DEFAULT_LIMITS, Limits
from tfiqa.serving.server.model_service import ModelService
from tfiqa.serving.server.prediction_service import PredictionService
from tfiqa.serving.server.rest_server import DEFAULT_HOST, SHUTDOWN_SECONDS, address
from tfiqa.serving.server.serving_api import grpc, model_service_pb2_grpc, prediction_service_pb2_grpc

DEFAULT_GRPC_PORT: Final = 8500  # TensorFlow Serving's --port
GRPC_THREADS: Final = 4 * (os.cpu_count() or 1)  # its --grpc_max_threads
_LAST_SECONDS: Final = 0.5  # for threads to end when that time is over
MAX_SEND_BYTES: Final = 2**31 - 1  # its limit


class GrpcServer:
    """Answers gRPC requests until stopped.

    Args:
        inference: runs the models of a store that has started: a port that accepts means that every model is available.
        host: the address to listen on.
        port: the port; 0 takes a free one. Afterwards `port` holds the one taken.
        threads: requests that are worked on at a time.
        limits: what clients may take.
        as_content: whether tensors in replies are raw bytes instead of typed fields.
        health: whether to add the health service of gRPC.
    """

    def __init__(
        self,
        inference: Inference,
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_GRPC_PORT,
        threads: int = GRPC_THREADS,
        limits: Limits = DEFAULT_LIMITS,
        as_content: bool = False,
        health: bool = False,
    ) -> None:
        self.host = host
        self.port = port
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tfiqa-grpc")
        self._server = grpc.server(
            self._threads,
            maximum_concurrent_rpcs=limits.max_waiting,
            options=[
                ("grpc.max_receive_message_length", limits.max_message_bytes),
                ("grpc.max_send_message_length", MAX_SEND_BYTES),
                ("grpc.so_reuseport", 0),  # else a second server would share the port and its requests
            ],
        )
        self._ended: threading.Event | None = None
        predictions = PredictionService(inference, as_content=as_content)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(predictions, self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(inference.store, inference.metrics), self._server
        )
        self._health = None
        if health:
            from tfiqa.serving.server.grpc_health import HealthService

            self._health = HealthService(self._server)

    def start(self) -> None:
        """Opens the port. Raises ServerStartError when it is taken, or the address is not this machine's."""
        place = address(self.host, self.port)
        try:
            self.port = self._server.add_insecure_port(place)
        except RuntimeError as error:
            raise ServerStartError(
                f"cannot listen for gRPC on {place}: the port is in use, or the address is not this "
                "machine's; choose another port, or 0 for any free one"
            ) from error
        self._server.start()

    def close_port(self, seconds: float) -> None:
        """Takes no further requests, and lets running ones go on for at most so many seconds."""
        if self._health is not None:
            self._health.end()
        self._ended = self._server.stop(seconds)

    def stop(self, seconds: float = SHUTDOWN_SECONDS) -> bool:
        """Takes no further requests, gives running ones that many seconds to finish and ends.

        Returns:
            Whether all of them have finished.
        """
        if self._ended is None:
            self.close_port(seconds)
        assert self._ended is not None
        self._ended.wait(seconds + _LAST_SECONDS)
        ending = threading.Thread(target=partial(self._threads.shutdown, cancel_futures=True), daemon=True)
        ending.start()
        ending.join(_LAST_SECONDS)
        return not ending.is_alive()
