"""Paths, status, metadata and the front page over HTTP."""

import json

import pytest
import served_models
from served_models import call


@pytest.fixture(scope="module")
def server():
    with served_models.served() as server:
        yield server


def ask(server, method, target, body=None):
    status, headers, answer = call(server, method, target, body)
    assert headers["Content-Type"] == "application/json"
    return status, json.loads(answer)


def available(*versions):
    status = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [{"version": str(v), "state": "AVAILABLE", "status": status} for v in versions]}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/models/half_plus_two", available(123)),
        ("/v1/models/times", available(2, 1)),
        ("/v1/models/times/versions/1", available(1)),
        ("/v1/models/times/labels/anything", available(2, 1)),
        ("/v1/MODELS/times/VERSIONS/0002", available(2)),
    ],
)
def test_status(server, target, expected):
    assert ask(server, "GET", target) == (200, expected)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("/v1/models/nope", "Could not find any versions of model nope"),
        ("/v1/models/times/versions/7", "Could not find version 7 of model times"),
        ("/v1/models/times?verbose=1", "Could not find any versions of model times?verbose=1"),
        ("/v1/models/times/versions/9/metadata", "Servable not found for request: Specific(times, 9)"),
        ("/v1/models/nope/metadata", "Servable not found for request: Latest(nope)"),
    ],
)
def test_unknown_models_and_versions(server, target, text):
    assert ask(server, "GET", target) == (404, {"error": text})


def test_metadata(server):
    status, answer = ask(server, "GET", "/v1/models/times/versions/1/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "times", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "__saved_model_init_op"}
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"
    assert signatures["serving_default"]["defaults"] == {}
    assert signatures["serving_default"]["inputs"] == {
        "x": {
            "dtype": "DT_FLOAT",
            "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
            "name": "serving_default_x:0",
        }
    }


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/models/times:predict", (200, {"predictions": [6.0]})),
        ("/v1/models/times/versions/001:predict", (200, {"predictions": [3.0]})),
        ("/v1/models/t%69mes:predict", (200, {"predictions": [6.0]})),
        ("/v1/models/times/versions/9:predict", (404, {"error": "Servable not found for request: Specific(times, 9)"})),
        ("/v1/models/times/labels/x:predict", (400, {"error": "Unrecognized servable version label: x"})),
        (
            "/v1/models/times/versions/9223372036854775808:predict",
            (400, {"error": "Failed to convert version: 9223372036854775808 to numeric."}),
        ),
    ],
)
def test_versions_and_labels_in_the_path(server, target, expected):
    assert ask(server, "POST", target, b'{"instances": [3.0]}') == expected


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/foo"),
        ("GET", "/v1/models/times:predict"),
        ("GET", "/v1/models/times/"),
        ("GET", "/v1/models/times/versions/one"),
        ("GET", "/v1/models/"),
        ("POST", "/v1/models/times"),
        ("POST", "/v1/models/times/version/1:predict"),
        ("POST", "/v1/models/times:predict?x=1"),
        ("POST", "/v1/models/times:PREDICT"),
        ("POST", "/v1/models/:predict"),
        ("PUT", "/v1/models/times:predict"),
        ("DELETE", "/v1/models/times"),
    ],
)
def test_malformed_requests(server, method, target):
    assert ask(server, method, target) == (400, {"error": f"Malformed request: {method} {target}"})


def test_missing_name(server):
    assert ask(server, "GET", "/v1/models") == (400, {"error": "Missing model name in request."})


def test_the_prefix_matches_in_any_letter_case(server):
    assert call(server, "GET", "/V1/MODELS/times")[0] == 200
    assert call(server, "GET", "/v1/models/TIMES")[0] == 404


@pytest.mark.parametrize("target", ["/v2/models/times", "/statuspage", "/v1"])
def test_paths_outside_the_interface(server, target):
    assert call(server, "GET", target)[0] == 404


@pytest.mark.parametrize(
    ("origin", "expected"), [("http://page", 200), ("https://page", 200), ("page", 400), (None, 400)]
)
def test_options(server, origin, expected):
    headers = {"Origin": origin} if origin else {}
    status, _, body = call(server, "OPTIONS", "/v1/models/times:predict", headers=headers)
    assert (status, body) == (expected, b"")


def test_front_page_says_what_is_served_and_how_to_ask(server):
    status, headers, body = call(server, "GET", "/")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    page = body.decode()
    assert "times, version 2, 1" in page
    url = f"http://{server.host}:{server.port}/v1/models"
    assert f"""curl -d '{{"instances": [{{"x": ...}}]}}' {url}/times:predict""" in page
    assert f"curl --data-binary @- {url}/pictures:predict" in page


def test_browsers_get_the_page_and_others_plain_text(server):
    accept = {"Accept": "text/html,*/*"}
    status, headers, page = call(server, "GET", "/", headers=accept)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<html" in page
    status, headers, body = call(server, "HEAD", "/", headers=accept)
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(page)))
    assert call(server, "GET", "/", headers={"Accept": "*/*"})[1]["Content-Type"] == "text/plain; charset=utf-8"
    status, headers, body = call(server, "GET", "/page/models")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert call(server, "POST", "/page/models", b"{}")[0] == 404
