"""The gRPC server: a listening port and threads that answer."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.model_service import ModelService
from tfiqa.serving.server.prediction_service import PredictionService
from tfiqa.serving.server.rest_server import DEFAULT_HOST
from tfiqa.serving.server.serving_api import grpc, model_service_pb2_grpc, prediction_service_pb2_grpc

DEFAULT_GRPC_PORT: Final = 8500  # TensorFlow Serving's --port
GRPC_THREADS: Final = 4 * (os.cpu_count() or 1)  # its --grpc_max_threads
MAX_MESSAGE_BYTES: Final = 2**31 - 1  # its limit, each way; grpc's own of 4 MiB is too small for pictures


class GrpcServer:
    """Answers gRPC requests until stopped.

    Args:
        inference: runs the models of a store that has started: a port that accepts means that every model is available.
        host: the address to listen on.
        port: the port; 0 takes a free one. Afterwards `port` holds the one taken.
        threads: requests that are worked on at a time.
        max_waiting: requests at a time, waiting ones included; further ones end in RESOURCE_EXHAUSTED.
        max_message_bytes: of a request; longer ones end in RESOURCE_EXHAUSTED.
    """

    def __init__(
        self,
        inference: Inference,
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_GRPC_PORT,
        threads: int = GRPC_THREADS,
        max_waiting: int | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self.host = host
        self.port = port
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tfiqa-grpc")
        self._server = grpc.server(
            self._threads,
            maximum_concurrent_rpcs=max_waiting,
            options=[
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),  # else a second server would share the port and its requests
            ],
        )
        predictions = PredictionService(inference)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(predictions, self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(inference.store), self._server)

    def start(self) -> None:
        """Opens the port. Raises ServerStartError when it is taken, or the address is not this machine's."""
        address = f"[{self.host}]" if ":" in self.host else self.host
        try:
            self.port = self._server.add_insecure_port(f"{address}:{self.port}")
        except RuntimeError as error:
            raise ServerStartError(
                f"cannot listen for gRPC on {self.host}:{self.port}: the port is in use, or the address is not this "
                "machine's; choose another port, or 0 for any free one"
            ) from error
        self._server.start()

    def stop(self, seconds: float) -> None:
        """Takes no further requests, gives running ones that many seconds to finish and ends."""
        self._server.stop(seconds).wait()
        self._threads.shutdown(wait=False, cancel_futures=True)
