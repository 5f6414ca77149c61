"""Predict over HTTP, against a server in this process."""

import base64
import gzip
import http.client
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import served_models
from served_models import call, png, predict

NAN, INFINITY = float("nan"), float("inf")


@pytest.fixture(scope="module")
def server():
    with served_models.served() as server:
        yield server


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def kinds(server, signature, **forms):
    return predict(server, "kinds", {"signature_name": signature, **forms})


@pytest.mark.parametrize(
    ("instances", "predictions"),
    [
        ([1.0, 2, 6], [2.5, 3.0, 5.0]),
        ([[1.0, 2.0], [3.0, 4.0]], [[2.5, 3.0], [3.5, 4.0]]),
        ([[[1, 2]], [[3, 4]]], [[[2.5, 3.0]], [[3.5, 4.0]]]),
        ([[], []], [[], []]),
        ([{"x": 1.0}, {"x": 3}], [2.5, 3.5]),
    ],
)
def test_rows(server, instances, predictions):
    answer = predict(server, "half_plus_two", {"instances": instances})
    assert answer == (200, {"predictions": predictions})
    assert "int" not in {type(value).__name__ for value in json.loads(json.dumps(answer[1]["predictions"]))}


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([3.0, 4.0], [3.5, 4.0]),
        ({"x": [[1], [2]]}, [[2.5], [3.0]]),
        ({"x": [1], "unknown": "ignored"}, [2.5]),
        (1, 2.5),
        ([], []),
    ],
)
def test_columns(server, inputs, outputs):
    assert predict(server, "half_plus_two", {"inputs": inputs}) == (200, {"outputs": outputs})


def test_several_inputs_and_outputs(server):
    rows = [{"a": 1, "b": 2}, {"b": 3, "a": 5}]
    answer = kinds(server, "two", instances=rows)
    assert answer == (200, {"predictions": [{"sum": 3.0, "difference": -1.0}, {"sum": 8.0, "difference": 2.0}]})
    assert kinds(server, "two", inputs={"a": [1], "b": [2]}) == (200, {"outputs": {"sum": [3.0], "difference": [-1.0]}})


def test_outputs_without_the_rows_dimension(server):
    assert kinds(server, "total", inputs=[1, 2, 3.5]) == (200, {"outputs": 6.5})
    assert kinds(server, "total", instances=[1]) == (400, {"error": "Tensor name: total has no shape information "})
    assert kinds(server, "uneven", inputs=[4, 5]) == (200, {"outputs": {"all": [4.0, 5.0], "first": [4.0]}})
    status, answer = kinds(server, "uneven", instances=[4, 5])
    assert (status, answer["error"]) == (400, "Tensor name: first has inconsistent batch size: 1 expecting: 2")


@pytest.mark.parametrize(
    ("signature", "sent", "received"),
    [
        ("int32", [1, -2, 2147483646], [2, -1, 2147483647]),
        ("int64", [9007199254740993], [9007199254740994]),
        ("int16", [-5], [-5]),
        ("uint8", [0, 300, -1], [0, 44, 255]),
        ("uint32", [4294967295], [4294967295]),
        ("uint64", [18446744073709551615], [18446744073709551615]),
        ("bool", [True, False], [False, True]),
        ("double", [0.1, 123456.789012345], [0.1, 123456.789012345]),
    ],
)
def test_types_come_back_exactly(server, signature, sent, received):
    status, answer = kinds(server, signature, instances=sent)
    assert status == 200
    assert answer["predictions"] == received
    assert [type(value) for value in answer["predictions"]] == [type(value) for value in received]


def test_numbers_that_are_not_finite(server):
    status, answer = predict(server, "kinds", '{"instances": [NaN, Inf, -Infinity, 1e308, 1]}')
    assert status == 200
    nan, *others = answer["predictions"]
    assert nan != nan
    assert others == [INFINITY, -INFINITY, INFINITY, 1.0]


@pytest.mark.parametrize("number", ["1e999", "1" + "0" * 400, "-1" + "0" * 5000])
def test_a_number_beyond_double_is_a_syntax_error(server, number):
    status, answer = predict(server, "kinds", f'{{"instances": [1, {number}]}}')
    assert status == 400
    assert answer["error"] == "JSON Parse error: Number too big to be stored in double. at offset: 18"


def test_half_has_no_json(server):
    error = "Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: "
    text = "Conversion of JSON Value: 1 to type: half"
    assert kinds(server, "half", instances=[1]) == (400, {"error": error + text})
    assert kinds(server, "half", inputs=[1]) == (501, {"error": text})
    assert kinds(server, "to_half", inputs=[1]) == (400, {"error": "Failed to write JSON value for tensor type: half"})


def test_strings_and_bytes(server):
    data = bytes(range(256))
    assert kinds(server, "text", instances=["é", b64(b"hi")]) == (200, {"predictions": ["<é>", "<hi>"]})
    assert kinds(server, "bytes", instances=[b64(data), "a\0"]) == (200, {"predictions": [b64(data), b64(b"a\0")]})
    assert kinds(server, "bytes", inputs=b64(data)) == (200, {"outputs": b64(data)})
    row = {"text": "iq", "copy_bytes": b64(b"iq"), "n": 2}
    assert kinds(server, "text_and_bytes", instances=["iq"]) == (200, {"predictions": [row]})
    raw = b'{"signature_name": "bytes", "instances": ["\xff\xfe"]}'
    assert predict(server, "kinds", raw) == (200, {"predictions": [b64(b"\xff\xfe")]})
    status, answer = kinds(server, "text", instances=[b64(b"\xff")])
    assert (status, "no UTF-8 text" in answer["error"]) == (400, True)


def test_pictures_of_mixed_sizes(server):
    instances = [b64(png(3, 2, 0)), b64(png(7, 5, 200))]
    assert predict(server, "pictures", {"instances": instances}) == (200, {"predictions": [0.0, 200.0]})
    assert predict(server, "pictures", {"inputs": {"image_bytes": instances}}) == (200, {"outputs": [0.0, 200.0]})
    status, answer = predict(server, "pictures", {"instances": [instances[0], "photo.png"]})
    assert status == 400
    assert "Unknown image file format" in answer["error"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "JSON Parse error: The document is empty"),
        ('{"instances": [1.0,]}', "JSON Parse error: Invalid value. at offset: 19"),
        ("[1]", "JSON Value: [1] Is not object"),
        (
            '{"signature_name": null, "instances": [1]}',
            'JSON Value: {"signature_name": null, "instances": [1]} not formatted correctly. '
            "'signature_name' key must be a string value.",
        ),
        ({"signature_name": "s"}, 'Serving signature name: "s" not found in signature def'),
        ({"signature_name": ""}, "Missing 'inputs' or 'instances' key"),
        (
            {"instances": [1], "inputs": [1]},
            'JSON Value: {"instances": [1], "inputs": [1]} Not formatted correctly expecting only one of '
            "'inputs' or 'instances' keys to exist",
        ),
        (
            {"instances": {"x": [1]}},
            'JSON Value: {"instances": {"x": [1]}} Expecting \'instances\' to be an list/array',
        ),
        ({"instances": []}, "JSON Value: {\"instances\": []} No values in 'instances' array"),
        ({"instances": [{"x": 1}, 2]}, "Expecting object but got list at item 1 of input list"),
        ({"instances": [1, {"x": 1}]}, "Expecting value/list but got object at item 1 of input list"),
        (
            {"instances": [{"x": 1}, {"x": 1, "z": 2}]},
            "Failed to process element: 1 key: z of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: z",
        ),
        (
            {"instances": [{}]},
            "Failed to process element: 0 of 'instances' list. JSON object: {} keys must be equal to: x",
        ),
        (
            {"instances": [[1, 2], [3]]},
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting tensor size: 2 but got: 1",
        ),
        (
            {"instances": [{"x": [1, 2]}, {"x": [[3, 4]]}]},
            "Failed to process element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting shape [2] but got: [1,2]",
        ),
        (
            {"instances": [[[1, 2], [3]]]},
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
            "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
        ),
        ({"inputs": {}}, "Missing named input: x in 'inputs' object."),
        ({"inputs": [[1, 2], [3]]}, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ],
)
def test_errors_of_the_document(server, body, text):
    assert predict(server, "half_plus_two", body) == (400, {"error": text})


def test_plain_values_for_several_inputs(server):
    text = "expecting an object as multiple input tensors required as per tensorinfo_map"
    assert kinds(server, "two", inputs=[1]) == (400, {"error": f"inputs is a plain value/list, but {text}"})
    text = "expecting list of objects as multiple input tensors required as per tensorinfo_map"
    assert kinds(server, "two", instances=[1]) == (400, {"error": f"instances is a plain list, but {text}"})
    status, answer = kinds(server, "two", instances=[{"a": 1}])
    assert (status, answer["error"].endswith("keys must be equal to: a,b")) == (400, True)


def test_a_bad_document_is_reported_before_an_unknown_model(server):
    assert predict(server, "nope", "{bad")[1]["error"].startswith("JSON Parse error: ")
    assert predict(server, "nope", "{}") == (404, {"error": "Servable not found for request: Latest(nope)"})


def test_errors_of_the_graph(server):
    status, answer = kinds(server, "positive", instances=[1, -1])
    assert status == 400
    assert answer["error"].startswith("assertion failed: [found a negative value]")
    assert kinds(server, "two", inputs={"a": [1, 2], "b": [1, 2, 3]})[0] == 400


def test_gzip_bodies(server):
    body, headers = gzip.compress(b'{"instances": [1.0]}'), {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
    target = "/v1/models/half_plus_two:predict"
    status, answered, answer = call(server, "POST", target, body, headers)
    assert (status, json.loads(answer)) == (200, {"predictions": [2.5]})
    assert "Content-Encoding" not in answered
    too_long = gzip.compress(b" " * (100 * 2**20) + b'{"instances": [1.0]}', 1)
    for broken in (b'{"instances": [1.0]}', body[:-9], too_long):
        status, _, answer = call(server, "POST", target, broken, headers)
        assert (status, json.loads(answer)) == (400, {"error": "JSON Parse error: The document is empty"})


def test_a_body_of_many_megabytes(server):
    data = bytes(5_000_000)
    answer = kinds(server, "text_and_bytes", inputs=[b64(data)])
    assert answer[1]["outputs"]["n"] == [len(data)]


def test_deep_nesting_is_answered(server):
    depth = 100_000
    deep = "[" * depth + "1" + "]" * depth
    assert predict(server, "kinds", f'{{"instances": {deep}}}') == (400, {"error": "tensor parsing error: x"})
    assert predict(server, "kinds", f'{{"other": {deep}, "instances": [1]}}') == (200, {"predictions": [1.0]})


def test_many_requests_at_once(server):
    def ask(number):
        return predict(server, "half_plus_two", {"instances": [number, [number] * 0][:1]})[1]["predictions"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(200))) == [[number / 2 + 2] for number in range(200)]


def test_one_connection_serves_many_requests(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    for method, target, body, expected in 3 * [
        ("POST", "/v1/models/half_plus_two:predict", b'{"instances": [1.0]}', 200),
        ("POST", "/v1/models/half_plus_two:predict", b"{", 400),
        ("GET", "/v1/models/nope", None, 404),
    ]:
        connection.request(method, target, body)
        response = connection.getresponse()
        response.read()
        assert response.status == expected
    connection.close()
