"""The tolerant reading of a request's body."""

import json
import math

import pytest

from tfiqa.serving.server.json_document import parse_document
from tfiqa.serving.server.status import Code, StatusError

PARSE_ERROR = "JSON Parse error: "


def members(body):
    return parse_document(body.encode() if isinstance(body, str) else body).members


def error_of(body):
    with pytest.raises(StatusError) as caught:
        members(body)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


def test_plain_document_keeps_integers_and_floats_apart():
    values = members('{"a": [1, 1.0, 1e3, -2, true, null, "é"]}')["a"]
    assert values == [1, 1.0, 1000.0, -2, True, None, "é"]
    assert list(map(type, values)) == [int, float, float, int, bool, type(None), str]


@pytest.mark.parametrize(
    "body",
    [
        '{"a": [NaN, Infinity, -Infinity, 1]}',
        '{"a": [NaN, Inf, -Inf, 1]}',
        '{"a": [NaN, Infinity, -Infinity, 1]} and more',
        b'\xef\xbb\xbf {"a": [NaN, Inf, -Inf, 1]}',
    ],
)
def test_number_words_trailing_text_and_byte_order_mark(body):
    nan, high, low, one = members(body)["a"]
    assert math.isnan(nan)
    assert (high, low, one) == (math.inf, -math.inf, 1)


@pytest.mark.parametrize("prefix", ["", "\ufeff"])
@pytest.mark.parametrize("extra", ["", ', "z": Inf'])
def test_first_of_repeated_keys_counts(prefix, extra):
    read = members(prefix + '{"a": {"b": 1, "b": 2}, "a": 3' + extra + "}")
    assert read["a"] == {"b": 1}


def test_tolerant_and_fast_parser_agree():
    document = {
        "a": [[1, 2.5, -3e-7], [], {}],
        "b": {"c": 'q"\\\n\u00e9\u20ac', "d": {"e": [None, True, False]}},
        "": 0,
    }
    text = json.dumps(document, indent=1)
    assert members(text) == document
    assert members(text[:-1] + ', "z": Inf}') == {**document, "z": math.inf}


def test_bytes_that_are_no_utf8_pass_through():
    assert members(b'{"a": "\xff\xfe"}')["a"].encode("utf-8", "surrogateescape") == b"\xff\xfe"


def test_surrogate_pairs_are_joined_and_halves_refused():
    assert members(r'{"a": "\ud83d\ude00"}') == {"a": "\U0001f600"}
    assert error_of(r'{"a": "\ud83d"}') == PARSE_ERROR + "The surrogate pair in string is invalid. at offset: 6"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (" \n", "The document is empty. at offset: 2"),
        ("{bad", "Missing a name for object member. at offset: 1"),
        ('{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        ('{"a": 1 "b": 2}', "Missing a comma or } after an object member. at offset: 8"),
        ('{"a": [1 2]}', "Missing a comma or ] after an array element. at offset: 9"),
        ('{"a": [1.0,]}', "Invalid value. at offset: 11"),
        ('{"a": nul}', "Invalid value. at offset: 6"),
        ('{"é": [1.0', "Missing a comma or ] after an array element. at offset: 11"),
        ('\ufeff{"a": x}', "Invalid value. at offset: 9"),
        ('{"a": "b', "Missing a closing quotation mark in string. at offset: 6"),
        ('{"a": "\\x"}', "Invalid escape character in string. at offset: 6"),
        ('{"a": 1e999}', "Number too big to be stored in double. at offset: 6"),
        ('{"a": Inf, "b": 1e999}', "Number too big to be stored in double. at offset: 16"),
    ],
)
def test_syntax_errors_say_why_and_where(body, reason):
    if "1e999" in body and "Inf" not in body:  # the fast parser reads it as infinite; the second reading finds it
        with pytest.raises(StatusError) as caught:
            parse_document(body.encode()).read_again()
        assert caught.value.message == PARSE_ERROR + reason
    else:
        assert error_of(body) == PARSE_ERROR + reason


def test_empty_body():
    assert error_of("") == PARSE_ERROR + "The document is empty"


@pytest.mark.parametrize(
    ("body", "text"),
    [("[1, 2.0]", "[1, 2.0]"), ("3", "3"), ('"a"', '"a"'), ("[" * 600 + "]" * 600, "[" * 256 + "...")],
)
def test_top_level_must_be_an_object(body, text):
    assert error_of(body) == f"JSON Value: {text} Is not object"


def test_depth_is_no_limit():
    depth = 100_000
    value = members('{"a": ' + "[" * depth + "]" * depth + "}")["a"]
    for _ in range(depth - 1):
        (value,) = value
    assert value == []
    assert error_of("[" * depth).startswith(PARSE_ERROR)
