"""The messages of TensorFlow Serving's PredictionService, answered on a loaded model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from tfiqa.serving.server.example_inference import (
    Run,
    check_classification,
    check_regression,
    classify,
    example_signature,
    regress,
)
from tfiqa.serving.server.loaded_model import DEFAULT_SIGNATURE, LoadedModel, Signature, braced, check_names
from tfiqa.serving.server.serving_api import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)
from tfiqa.serving.server.status import Code, StatusError, invalid_argument
from tfiqa.serving.server.tensor_protos import array_of, fill_proto

CLASSIFY_METHOD: Final = "tensorflow/serving/classify"
REGRESS_METHOD: Final = "tensorflow/serving/regress"

# Each function takes the request, the model with the version's number, and what runs it; and raises StatusError.


def answer_predict(
    request: predict_pb2.PredictRequest, version: int, model: LoadedModel, run: Run, *, as_content: bool = False
) -> predict_pb2.PredictResponse:
    """Runs a signature, or those outputs of it that `output_filter` names; `as_content` as in `fill_proto`."""
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = model.signature(name)
    inputs = _inputs(request.inputs, signature)
    arrays = run(name, inputs, _filtered(request.output_filter, signature))
    reply = predict_pb2.PredictResponse()
    fill_model_spec(reply.model_spec, request.model_spec.name, version, name)
    for output, array in arrays.items():
        fill_proto(reply.outputs[output], array, as_content=as_content)
    return reply


def answer_classify(
    request: classification_pb2.ClassificationRequest, version: int, model: LoadedModel, run: Run
) -> classification_pb2.ClassificationResponse:
    """Runs a signature of classification on examples."""
    reply = classification_pb2.ClassificationResponse()
    _fill_classes(reply.result, model, request.model_spec, request.input, run)
    _fill_used_spec(reply.model_spec, request.model_spec, version)
    return reply


def answer_regress(
    request: regression_pb2.RegressionRequest, version: int, model: LoadedModel, run: Run
) -> regression_pb2.RegressionResponse:
    """Runs a signature of regression on examples."""
    reply = regression_pb2.RegressionResponse()
    _fill_values(reply.result, model, request.model_spec, request.input, run)
    _fill_used_spec(reply.model_spec, request.model_spec, version)
    return reply


def answer_multi_inference(
    request: inference_pb2.MultiInferenceRequest, version: int, model: LoadedModel, run: Run
) -> inference_pb2.MultiInferenceResponse:
    """Runs several signatures, each of classification or regression, on the same examples."""
    _check_tasks(request, model)
    reply = inference_pb2.MultiInferenceResponse()
    for task in request.tasks:
        result = reply.results.add()
        if task.method_name == CLASSIFY_METHOD:
            _fill_classes(result.classification_result, model, task.model_spec, request.input, run)
        else:
            _fill_values(result.regression_result, model, task.model_spec, request.input, run)
        _fill_used_spec(result.model_spec, task.model_spec, version)
    return reply


def fill_model_spec(spec: model_pb2.ModelSpec, name: str, version: int, signature_name: str = "") -> None:
    """Makes `spec` the model_spec of a reply: the version that answered, never its label."""
    spec.name = name
    spec.version.value = version
    spec.signature_name = signature_name


def _fill_used_spec(spec: model_pb2.ModelSpec, asked: model_pb2.ModelSpec, version: int) -> None:
    fill_model_spec(spec, asked.name, version, asked.signature_name or DEFAULT_SIGNATURE)


def _fill_classes(
    result: classification_pb2.ClassificationResult,
    model: LoadedModel,
    spec: model_pb2.ModelSpec,
    given: input_pb2.Input,
    run: Run,
) -> None:
    for found in classify(model, spec.signature_name, _examples(given), run):
        classes = result.classifications.add().classes
        for label, score in zip(found.labels, found.scores, strict=True):
            classes.add(label=label, score=score)


def _fill_values(
    result: regression_pb2.RegressionResult,
    model: LoadedModel,
    spec: model_pb2.ModelSpec,
    given: input_pb2.Input,
    run: Run,
) -> None:
    for value in regress(model, spec.signature_name, _examples(given), run):
        result.regressions.add(value=value)


def _examples(given: input_pb2.Input) -> list[bytes]:
    """The examples of an Input, serialized, each after the context if there is one."""
    if given.WhichOneof("kind") == "example_list_with_context":
        listed = given.example_list_with_context
        context = listed.context.SerializeToString()
        # Joined end to end they parse as one message, in which a later feature replaces an earlier one of its name.
        return [context + example.SerializeToString() for example in listed.examples]
    return [example.SerializeToString() for example in given.example_list.examples]


def _check_tasks(request: inference_pb2.MultiInferenceRequest, model: LoadedModel) -> None:
    """Raises StatusError unless all tasks fit together and to the model."""
    checks: dict[str, Callable[[Any], None]] = {
        CLASSIFY_METHOD: check_classification,
        REGRESS_METHOD: check_regression,
    }
    seen: set[str] = set()
    for task in request.tasks:
        spec = task.model_spec
        if not spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if spec.name != request.tasks[0].model_spec.name:
            raise invalid_argument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name in seen:
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if name not in model.definitions:
            raise invalid_argument(f"Requested signature not found in model graph: {name}")
        if task.method_name not in checks:
            raise StatusError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
        checks[task.method_name](example_signature(model, name))


def _inputs(tensors: Mapping[str, Any], signature: Signature) -> dict[str, np.ndarray]:
    """The tensors of a request by name, with the signature's defaults for those left out. Raises StatusError."""
    if len(tensors) > len(signature.inputs) or (len(tensors) < len(signature.inputs) and not signature.defaults):
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
