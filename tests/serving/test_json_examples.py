"""Examples from JSON, as protocol buffers read by TensorFlow, and results as JSON."""

import base64
import json
import math

import pytest
import tensorflow as tf

from tfiqa.serving.server.example_inference import Classes
from tfiqa.serving.server.json_document import parse_document
from tfiqa.serving.server.json_examples import classifications_answer, read_examples, regressions_answer
from tfiqa.serving.server.status import Code, StatusError


def read(document):
    body = document if isinstance(document, str) else json.dumps(document)
    return read_examples(parse_document(body.encode()))


def features(value):
    """(kind, values) of the feature x, whose JSON value is given as an object or as text."""
    text = value if isinstance(value, str) else json.dumps(value)
    (serialized,) = read(f'{{"examples": [{{"x": {text}}}]}}')
    feature = tf.train.Example.FromString(serialized).features.feature["x"]
    kind = feature.WhichOneof("kind")
    return kind, list(getattr(feature, kind).value) if kind else []


def error_of(document):
    with pytest.raises(StatusError) as caught:
        read(document)
    assert caught.value.code == Code.INVALID_ARGUMENT
    return caught.value.message


def error_of_value(text):
    return error_of(f'{{"examples": [{{"x": {text}}}]}}')


@pytest.mark.parametrize(
    ("value", "kind", "values"),
    [
        (2, "int64_list", [2]),
        ([2, -3], "int64_list", [2, -3]),
        ([2**63 - 1, -(2**63)], "int64_list", [2**63 - 1, -(2**63)]),
        ([True, False, 7], "int64_list", [1, 0, 7]),
        (2.0, "float_list", [2.0]),
        ("[1e2, 0.5]", "float_list", [100.0, 0.5]),
        ("[Infinity, -Infinity, -Inf]", "float_list", [math.inf, -math.inf, -math.inf]),
        ("1e39", "float_list", [math.inf]),  # beyond float32, within double
        ("[1e300, Infinity]", "float_list", [math.inf, math.inf]),
        ("100000000000000000000", "float_list", [pytest.approx(1e20, rel=1e-7)]),  # no 64-bit integer holds it
        ('"t"', "bytes_list", [b"t"]),
        (["\u00e4", {"b64": base64.b64encode(b"\0\xff").decode()}], "bytes_list", ["\u00e4".encode(), b"\0\xff"]),
        ([], None, []),
    ],
)
def test_the_kind_of_a_feature(value, kind, values):
    assert features(value) == (kind, values)


def test_not_a_number():
    kind, (value,) = features("NaN")
    assert kind == "float_list"
    assert math.isnan(value)


def test_examples_and_context():
    examples = [
        tf.train.Example.FromString(text) for text in read({"examples": [{"x": 1}, {}], "context": {"x": 5, "c": "s"}})
    ]
    assert [example.features.feature["x"].int64_list.value[0] for example in examples] == [1, 5]
    assert {example.features.feature["c"].bytes_list.value[0] for example in examples} == {b"s"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("null", "Feature: x has element with unexpected JSON type: Null"),
        ("[1, null]", "Feature: x has element with unexpected JSON type: Null"),
        ("[[1.0]]", "Feature: x has element with unexpected JSON type: Array"),
        ('{"a": 1}', "Feature: x has element with unexpected JSON type: Object"),
        ('[{"b64": "AA==", "a": 1}]', "Feature: x has element with unexpected JSON type: Object"),
        ('{"b64": "-_"}', "Unable to base64 decode"),
        ("[1, 2.0]", "Unexpected element type in feature: x expecting type: int64"),
        ("[true, 2.0]", "Unexpected element type in feature: x expecting type: int64"),
        ("[2.0, 1]", "Unexpected element type in feature: x expecting type: float"),
        ("[2.0, true]", "Unexpected element type in feature: x expecting type: float"),
        ('["a", 1]', "Unexpected element type in feature: x expecting type: bytes"),
        ('[1, "a"]', "Unexpected element type in feature: x expecting type: int64"),
        ('[1, {"b64": "AA=="}]', "Unexpected element type in feature: x expecting type: int64"),
        ("9223372036854775808", "Feature: x has uint64 element. Only int64 is supported."),
    ],
)
def test_values_that_make_no_feature(text, message):
    assert error_of_value(text) == message


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_number_beyond_double_is_a_syntax_error(number):
    assert error_of_value(number) == "JSON Parse error: Number too big to be stored in double. at offset: 20"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        ({"examples": {"x": 1}}, 'JSON Value: {"examples": {"x": 1}} Expecting \'examples\' value to be an list/array'),
        ({"examples": []}, "JSON Value: {\"examples\": []} 'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}, None]}, "Example must be JSON object but got JSON Null"),
        ({"examples": [[]]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [True]}, "Example must be JSON object but got JSON True"),
        ({"examples": ["x"]}, "Example must be JSON object but got JSON String"),
        ({"context": [1], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ({"context": {"x": None}}, "Feature: x has element with unexpected JSON type: Null"),  # the context comes first
    ],
)
def test_documents_without_examples(document, message):
    assert error_of(document) == message


def test_a_name_that_is_no_text():
    with pytest.raises(StatusError, match="is no UTF-8 text"):
        read_examples(parse_document(b'{"examples": [{"\xff": 1}]}'))


def test_answers():
    assert json.loads(regressions_answer([3.0, 0.5])) == {"results": [3.0, 0.5]}
    assert b"[3.0, 0.5, 0.1, NaN, -Infinity]" in regressions_answer(
        [3.0, 0.5, 0.10000000149011612, math.nan, -math.inf]
    )
    answer = classifications_answer([Classes(["a", 'b"\u00e4'], [2.0, -1.5]), Classes([], [])])
    assert json.loads(answer) == {"results": [[["a", 2.0], ['b"\u00e4', -1.5]], []]}
    assert b'["a", 2.0]' in answer
