"""TensorFlow Serving's gRPC API, as its client sees it, by the official stubs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from tfiqa.errors import MissingPackage
from tfiqa.serving.errors import PredictionError, RequestRefused
from tfiqa.serving.transport import NoAnswer, Retries, ServedSignature, TensorInfo

try:
    import grpc
    from tensorflow.core.framework.types_pb2 import DataType
    from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc
except ModuleNotFoundError as error:
    raise MissingPackage(f"asking over gRPC needs the package {error.name}: pip install 'tfiqa[serving]'") from error

Reply = TypeVar("Reply")

DEFAULT_PORT = 8500
METADATA_FIELD = "signature_def"
OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),  # `Retries` has them, alike for both protocols
    ("grpc.enable_http_proxy", 0),  # as over REST
    # Without an own pace the channel would fail requests for seconds after the server is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class GrpcTransport:
    """Asks for a model over gRPC, unencrypted, on one channel. See `Transport`.

    Args:
        target: host and port, such as "localhost:8500"; without a port it is 8500.
        model: the model's name there.
        version: the version to ask; None asks the newest one.
        label: or the label of the version to ask.
        retries: for the server.
    """

    def __init__(self, target: str, model: str, version: int | None, label: str | None, retries: Retries) -> None:
        self._channel = grpc.insecure_channel(target, options=OPTIONS)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model, self._version, self._label = model, version, label
        self._retries = retries

    def signatures(self) -> dict[str, ServedSignature]:
        """See `Transport`."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[METADATA_FIELD])
        self._name_model(request)
        reply = self._call(self._stub.GetModelMetadata, request)
        found = get_model_metadata_pb2.SignatureDefMap()
        reply.metadata[METADATA_FIELD].Unpack(found)
        return {
            name: ServedSignature(_tensors(each.inputs), _tensors(each.outputs))
            for name, each in found.signature_def.items()
        }

    def predict(self, name: str, signature: ServedSignature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Transport`."""
        import tensorflow as tf

        request = predict_pb2.PredictRequest()
        self._name_model(request)
        request.model_spec.signature_name = name
        for key, array in inputs.items():
            dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
            request.inputs[key].CopyFrom(tf.make_tensor_proto(array, dtype))
        reply = self._call(self._stub.Predict, request)
        try:
            return {key: tf.make_ndarray(tensor) for key, tensor in reply.outputs.items()}
        except (TypeError, ValueError) as error:
            raise PredictionError(f"{self._retries.server} does not answer with the model's outputs") from error

    def close(self) -> None:
        """See `Transport`."""
        self._retries.stop()
        self._channel.close()

    def _name_model(self, request: Any) -> None:
        request.model_spec.name = self._model
        if self._version is not None:
            request.model_spec.version.value = self._version
        elif self._label is not None:
            request.model_spec.version_label = self._label

    def _call(self, method: Callable[..., Reply], request: Any) -> Reply:
        def attempt(seconds: float) -> Reply:
            try:
                return method(request, timeout=seconds)
            except ValueError as error:  # what a closed channel says
                raise NoAnswer(str(error)) from error
            except grpc.RpcError as error:
                code, reason = error.code(), str(error.details()).strip().partition("\n")[0]
                reason = reason.rpartition("; last error: ")[2]  # of connecting
                if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise TimeoutError from error
                too_large = code == grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in reason
                busy = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED)
                if code in busy and not too_large:
                    raise NoAnswer(reason) from error
                not_found = code == grpc.StatusCode.NOT_FOUND
                raise RequestRefused(self._retries.server, reason or code.name, not_found=not_found) from error

        return self._retries.call(attempt)


def _tensors(infos: Mapping[str, Any]) -> dict[str, TensorInfo]:
    def shape(stated: Any) -> tuple[int, ...] | None:
        return None if stated.unknown_rank else tuple(each.size for each in stated.dim)

    return {name: TensorInfo(DataType.Name(info.dtype), shape(info.tensor_shape)) for name, info in infos.items()}
