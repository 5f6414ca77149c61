"""TensorFlow Serving's gRPC PredictionService."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfiqa.serving.server.grpc_calls import answered, answering_model, named_model
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.loaded_model import DEFAULT_SIGNATURE, Signature, braced, check_names
from tfiqa.serving.server.serving_api import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc
from tfiqa.serving.server.status import invalid_argument
from tfiqa.serving.server.tensor_protos import array_of, proto_of

METADATA_FIELD = "signature_def"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers predictions and questions about signatures.

    Args:
        inference: runs the models.
        as_content: whether tensors in replies are raw bytes instead of typed fields.
    """

    def __init__(self, inference: Inference, *, as_content: bool = False) -> None:
        self._inference = inference
        self._as_content = as_content

    def Predict(self, request: predict_pb2.PredictRequest, context: Any) -> predict_pb2.PredictResponse:  # noqa: N802
        """Runs a signature, or those outputs of it that `output_filter` names."""
        deadline = self._inference.deadline(context.time_remaining())
        return answered(context, "Predict", request, lambda asked: self._predict(asked, deadline))

    def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: Any
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a model."""
        return answered(context, "GetModelMetadata", request, self._metadata)

    def _predict(self, request: predict_pb2.PredictRequest, deadline: float) -> predict_pb2.PredictResponse:
        spec = named_model(request)
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        with self._inference.borrow(spec) as (version, model):
            signature = model.signature(name)
            inputs = _inputs(request.inputs, signature)
            outputs = _filtered(request.output_filter, signature)
            arrays = self._inference.run(model, name, inputs, outputs, deadline=deadline)
        reply = predict_pb2.PredictResponse(model_spec=answering_model(spec.name, version, name))
        for output, array in arrays.items():
            reply.outputs[output].CopyFrom(proto_of(array, as_content=self._as_content))
        return reply

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
        reply = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=answering_model(spec.name, version))
        reply.metadata[METADATA_FIELD].Pack(signatures)
        return reply


def _inputs(tensors: Mapping[str, Any], signature: Signature) -> dict[str, np.ndarray]:
    """The tensors of a request by name, with the signature's defaults for those left out. Raises StatusError."""
    if not signature.defaults and len(tensors) != len(signature.inputs):
        check_names(tensors, signature)
    used, inputs = [], {}
    for name, info in signature.inputs.items():
        if name in tensors:
            used.append(name)
            inputs[name] = array_of(tensors[name], name)
        elif name in signature.defaults:
            inputs[name] = array_of(signature.defaults[name], name)
        else:
            raise invalid_argument(
                f"Signature input alias: {name}(feed name: {info.name}) not found in request and no default value provided. "
                f"Inputs expected to be in the request {braced(tensors)}, or default input alias set: "
                f"{','.join(sorted(signature.defaults))}"
            )
    if len(used) < len(tensors):
        raise invalid_argument(
            f"Inputs contains invalid name. Used request inputs: {','.join(used)}, request input: {','.join(sorted(tensors))}"
        )
    return inputs


def _filtered(names: Any, signature: Signature) -> list[str] | None:
    """The outputs that a request wants; None is all. Raises StatusError."""
    for position, name in enumerate(names):
        if name not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{braced(signature.outputs)}."
            )
        if name in names[:position]:
            raise invalid_argument(f"duplicate output tensor alias: {name}")
    return list(names) or None
