"""TensorFlow Serving's gRPC PredictionService."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from tfiqa.serving.server.grpc_calls import answered, model_of, named_model
from tfiqa.serving.server.inference import Inference, ModelSpec
from tfiqa.serving.server.metrics import REQUEST_LATENCY
from tfiqa.serving.server.prediction_messages import (
    answer_classify,
    answer_multi_inference,
    answer_predict,
    answer_regress,
    fill_model_spec,
)
from tfiqa.serving.server.serving_api import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from tfiqa.serving.server.status import Code, invalid_argument

METADATA_FIELD: Final = "signature_def"

Reply = TypeVar("Reply")


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers predictions and questions about signatures.

    Args:
        inference: runs the models.
        as_content: whether tensors in replies are raw bytes instead of typed fields.
    """

    def __init__(self, inference: Inference, *, as_content: bool = False) -> None:
        self._inference = inference
        self._answer_predict = partial(answer_predict, as_content=as_content)

    def Predict(self, request: predict_pb2.PredictRequest, context: Any) -> predict_pb2.PredictResponse:  # noqa: N802
        """Runs a signature, or those outputs of it that `output_filter` names."""
        return self._run(context, "Predict", request, self._answer_predict)

    def Classify(  # noqa: N802
        self, request: classification_pb2.ClassificationRequest, context: Any
    ) -> classification_pb2.ClassificationResponse:
        """Labels and scores of examples."""
        return self._run(context, "Classify", request, answer_classify)

    def Regress(self, request: regression_pb2.RegressionRequest, context: Any) -> regression_pb2.RegressionResponse:  # noqa: N802
        """A number for each example."""
        return self._run(context, "Regress", request, answer_regress)

    def MultiInference(  # noqa: N802
        self, request: inference_pb2.MultiInferenceRequest, context: Any
    ) -> inference_pb2.MultiInferenceResponse:
        """Classification and regression of the same examples by several signatures of one model version."""
        return self._run(context, "MultiInference", request, answer_multi_inference)

    def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: Any
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a model."""
        return answered(context, "GetModelMetadata", request, self._metadata)

    def _run(self, context: Any, method: str, request: Any, answer: Callable[..., Reply]) -> Reply:
        """`answer` on the model asked for, within the caller's deadline."""
        begin = time.monotonic()
        metrics = self._inference.metrics
        deadline = self._inference.deadline(context.time_remaining())
        name = _model_spec(request).name

        def on_model(request: Any) -> Reply:
            with self._inference.borrow(_spec_of(request)) as (version, model):
                run = partial(self._inference.run, model, deadline=deadline, name=name, api=method)
                return answer(request, version, model, run)

        def ended(code: Code) -> None:
            metrics.count_request(name, code)
            if code is Code.OK:
                metrics.observe(REQUEST_LATENCY, (time.monotonic() - begin) * 1e6, (name, method, "GRPC"))

        return answered(context, method, request, on_model, ended)

    def _metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        spec = named_model(request)
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != METADATA_FIELD:
                raise invalid_argument(f"Metadata field {field} is not supported")
        signatures = get_model_metadata_pb2.SignatureDefMap()
        with self._inference.borrow(spec) as (version, model):
            for name, definition in model.definitions.items():
                signatures.signature_def[name].CopyFrom(definition)
        reply = get_model_metadata_pb2.GetModelMetadataResponse()
        fill_model_spec(reply.model_spec, spec.name, version)
        reply.metadata[METADATA_FIELD].Pack(signatures)
        return reply


def _spec_of(request: Any) -> ModelSpec:
    """The model that a request names; one of several tasks runs on the model and version of the first. Raises StatusError."""
    if not isinstance(request, inference_pb2.MultiInferenceRequest):
        return named_model(request)
    return model_of(_model_spec(request))


def _model_spec(request: Any) -> model_pb2.ModelSpec:
    """The model_spec of a request, or of the first of its tasks; an empty one when there is none."""
    if not isinstance(request, inference_pb2.MultiInferenceRequest):
        return request.model_spec
    return request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
