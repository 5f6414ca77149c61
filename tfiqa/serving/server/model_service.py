"""TensorFlow Serving's gRPC ModelService."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfiqa.serving.server.grpc_calls import answered, asked_model
from tfiqa.serving.server.metrics import Metrics
from tfiqa.serving.server.model_config import models_of
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.serving_api import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc
from tfiqa.serving.server.status import Code, invalid_argument


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Tells which versions of a model there are, and takes another set of models.

    Args:
        store: the models.
        metrics: the counters whose increase a reload answers.
    """

    def __init__(self, store: ModelStore, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: Any
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions, newest first, or of one version; a label is not looked at."""
        return answered(context, "GetModelStatus", request, self._status)

    def HandleReloadConfigRequest(  # noqa: N802
        self, request: model_management_pb2.ReloadConfigRequest, context: Any
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serves the models of another configuration instead; answers when the new ones are available."""
        return answered(
            context,
            "HandleReloadConfigRequest",
            request,
            lambda asked: self._reload(asked, lambda: not context.is_active()),
        )

    def _reload(
        self, request: model_management_pb2.ReloadConfigRequest, gave_up: Callable[[], bool]
    ) -> model_management_pb2.ReloadConfigResponse:
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
            )
        before = {name: self._metrics.value(name) for name in request.metric_names}
        self._store.reload(models_of(request.config, self._store.names()), gave_up)
        reply = model_management_pb2.ReloadConfigResponse()
        reply.status.error_code = Code.OK
        for name in request.metric_names:
            reply.metric.add(name=name, int64_value_increase=self._metrics.value(name) - before[name])
        return reply

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
