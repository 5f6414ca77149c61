"""Classify and regress over HTTP, against a server in this process."""

import gzip
import json

import pytest
from grpc_served import grpc_served
from served_models import call

from tfiqa.serving.server.rest_server import RestServer


@pytest.fixture(scope="module")
def server():
    with grpc_served(RestServer) as client:
        yield client.server


def ask(server, target, document, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    status, received, answer = call(server, "POST", f"/v1/models/{target}", body, headers)
    assert received["Content-Type"] == "application/json"
    return status, json.loads(answer)


def regress(server, signature="serving_default", **document):
    return ask(server, "examples:regress", {"signature_name": signature, **document})


def classify(server, signature="serving_default", **document):
    return ask(server, "examples:classify", {"signature_name": signature, **document})


@pytest.mark.parametrize("target", ["examples:regress", "examples/versions/1:regress", "examples/versions/001:regress"])
def test_regress(server, target):
    answer = ask(server, target, {"examples": [{"x": 3.0}, {"x": [-0.5]}]})
    assert answer == (200, {"results": [3.5, 1.75]})


def test_one_value_a_row_or_a_column(server):
    assert regress(server, "vector", examples=[{"x": 3.0}]) == (200, {"results": [4.0]})
    assert regress(server, "", examples=[{"x": 3.0}]) == (200, {"results": [3.5]})


def test_classify(server):
    examples = [{"x": 3.0}, {"x": 0.1}]
    expected = [[["good", 3.0], ["bad", -3.0]], [["good", 0.1], ["bad", -0.1]]]
    assert classify(server, "labels_and_scores", examples=examples) == (200, {"results": expected})
    assert classify(server, "scores", examples=examples[:1]) == (200, {"results": [[["", 3.0], ["", -3.0]]]})
    assert classify(server, "classes", examples=examples[:1]) == (200, {"results": [[["good", 0.0], ["bad", 0.0]]]})


def test_a_context(server):
    answer = regress(server, "vector", context={"x": 5.0}, examples=[{}, {"x": 7.0}])
    assert answer == (200, {"results": [6.0, 8.0]})


def test_a_body_in_gzip(server):
    body = gzip.compress(json.dumps({"examples": [{"x": 3.0}]}).encode())
    assert ask(server, "examples:regress", body, **{"Content-Encoding": "gzip"}) == (200, {"results": [3.5]})


@pytest.mark.parametrize("verb", ["classify", "regress"])
@pytest.mark.parametrize(
    ("target", "document", "status", "text"),
    [
        # Syntax, the form of the document and the examples come before the model, the model before the signature.
        ("no", b"{", 400, "JSON Parse error: Missing a name for object member. at offset: 1"),
        ("no", b"", 400, "JSON Parse error: The document is empty"),
        ("no", [], 400, "JSON Value: [] Is not object"),
        ("no", {"signature_name": 1}, 400, "'signature_name' key must be a string value."),
        ("no", {}, 400, "When method is classify, key 'examples' is expected and was not found"),
        ("no", {"examples": [{"x": None}]}, 400, "Feature: x has element with unexpected JSON type: Null"),
        ("no", {"examples": [{"x": 1.0}]}, 404, "Servable not found for request: Latest(no)"),
        ("examples/versions/7", {"examples": [{}]}, 404, "Servable not found for request: Specific(examples, 7)"),
        ("examples/labels/new", {"examples": [{}]}, 400, "Unrecognized servable version label: new"),
        (
            "examples",
            {"signature_name": "no", "examples": [{}]},
            400,
            "No signature was found with the name: no",
        ),
        (
            "examples",
            {"signature_name": "two_inputs", "examples": [{}]},
            400,
            "Expected one input Tensor.",
        ),
    ],
)
def test_what_is_wrong_first(server, verb, target, document, status, text):
    found = ask(server, f"{target}:{verb}", document)
    assert found[0] == status
    assert found[1].keys() == {"error"}
    assert found[1]["error"].endswith(text)


def test_signatures_of_another_kind(server):
    status, answer = regress(server, "scores", examples=[{"x": 1.0}])
    assert status == 400
    assert answer["error"].startswith("No regression outputs found in SignatureDef: ")
    assert "tensorflow/serving/predict" in answer["error"]
    status, answer = ask(server, "half_plus_two:regress", {"examples": [{"x": 1.0}]})
    assert status == 400
    assert answer["error"].startswith("No regression inputs found in SignatureDef: ")


def test_an_integer_is_no_float(server):
    status, answer = regress(server, examples=[{"x": 2}])
    assert status == 400
    assert "Data types don't match" in answer["error"]


def test_a_missing_feature(server):
    status, answer = classify(server, "scores", examples=[{"x": 1.0}, {"y": 1.0}])
    assert status == 400
    assert "Feature: x (data type: float) is required but could not be found." in answer["error"]
