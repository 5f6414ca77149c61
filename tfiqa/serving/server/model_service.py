"""TensorFlow Serving's gRPC ModelService."""

from __future__ import annotations

from typing import Any

from tfiqa.serving.server.grpc_calls import answered, asked_model
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.serving_api import get_model_status_pb2, model_service_pb2_grpc
from tfiqa.serving.server.status import Code


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Tells which versions of a model there are.

    Args:
        store: the models.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store

    def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: Any
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions, newest first, or of one version; a label is not looked at."""
        return answered(context, "GetModelStatus", request, self._status)

    def _status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        spec = asked_model(request)
        reply = get_model_status_pb2.GetModelStatusResponse()
        states = get_model_status_pb2.ModelVersionStatus.State
        for status in self._store.statuses(spec.name, spec.version):
            error = status.error
            line = reply.model_version_status.add(version=status.version, state=states.Value(status.state.value))
            line.status.error_code = Code.OK if error is None else error.code
            line.status.error_message = "" if error is None else error.message
        return reply
