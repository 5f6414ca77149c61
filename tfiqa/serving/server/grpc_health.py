"""The health service of gRPC, grpc.health.v1, by which load balancers ask whether a server is ready."""

from __future__ import annotations

from typing import Any, Final

from tfiqa.serving.errors import ServerStartError

try:
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
except ModuleNotFoundError as error:
    raise ServerStartError(f"serving needs the package {error.name}: pip install 'tfiqa[serving]'") from error

SERVICES: Final = (
    "",
    "ModelService",
    "PredictionService",
)  # as TensorFlow Serving names them; "" is the server as a whole


class HealthService:
    """Says of SERVICES that they serve, until the server is to end.

    Args:
        server: the gRPC server, which must not have started.
    """

    def __init__(self, server: Any) -> None:
        self._servicer = health.HealthServicer()
        for service in SERVICES:
            self._servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def end(self) -> None:
        """Says from now on that nothing serves, to those who watch, too."""
        self._servicer.enter_graceful_shutdown()
