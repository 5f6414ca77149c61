"""The REST requests that run a model, from the bytes of the body to those of the answer, in the calling thread."""

from __future__ import annotations

from functools import partial
from typing import Final

from tfiqa.serving.server.example_inference import Run, classify, regress
from tfiqa.serving.server.inference import Inference, ModelSpec
from tfiqa.serving.server.json_document import JsonDocument, parse_document
from tfiqa.serving.server.json_examples import classifications_answer, read_examples, regressions_answer
from tfiqa.serving.server.loaded_model import LoadedModel
from tfiqa.serving.server.predict_answer import predict_answer
from tfiqa.serving.server.predict_request import is_row_form, read_inputs, requested_signature
from tfiqa.serving.server.rest_body import unpacked
from tfiqa.serving.server.status import invalid_argument


def infer(inference: Inference, action: str, spec: ModelSpec, body: bytes, encoding: str, deadline: float) -> bytes:
    """Answers a request.

    Args:
        inference: runs the models.
        action: "predict", "classify" or "regress".
        spec: the model asked for.
        body: as it was received.
        encoding: its Content-Encoding; one with "gzip" in it is unpacked.
        deadline: as in `Inference.run`.

    Raises:
        StatusError: the request is wrong, the model is not there, or the run failed.
    """
    document = parse_document(unpacked(body) if "gzip" in encoding.lower() else body)
    return _ANSWERS[action](inference, spec, document, deadline)


def _predict(inference: Inference, spec: ModelSpec, document: JsonDocument, deadline: float) -> bytes:
    name = requested_signature(document)
    with inference.borrow(spec) as (_, model):
        if name not in model.signatures:
            raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
        inputs = read_inputs(document, model.signatures[name])
        outputs = inference.run(model, name, inputs, deadline=deadline, name=spec.name)
    return predict_answer(outputs, is_row_form(document))


def _classify(inference: Inference, spec: ModelSpec, document: JsonDocument, deadline: float) -> bytes:
    name, examples = requested_signature(document), read_examples(document)
    with inference.borrow(spec) as (_, model):
        return classifications_answer(
            classify(model, name, examples, _run(inference, spec, model, deadline, "Classify"))
        )


def _regress(inference: Inference, spec: ModelSpec, document: JsonDocument, deadline: float) -> bytes:
    name, examples = requested_signature(document), read_examples(document)
    with inference.borrow(spec) as (_, model):
        return regressions_answer(regress(model, name, examples, _run(inference, spec, model, deadline, "Regress")))


_ANSWERS: Final = {"predict": _predict, "classify": _classify, "regress": _regress}


def _run(inference: Inference, spec: ModelSpec, model: LoadedModel, deadline: float, api: str) -> Run:
    return partial(inference.run, model, deadline=deadline, name=spec.name, api=api)
