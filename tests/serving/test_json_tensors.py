"""JSON values as arrays: what each type takes, and how a misfit is worded."""

import base64

import numpy as np
import pytest
import tensorflow as tf

from tfiqa.serving.server.json_tensors import check_element, to_array
from tfiqa.serving.server.status import Code, StatusError


def array(value, dtype):
    return to_array(value, dtype, "x")


def error_of(value, dtype=tf.float32):
    with pytest.raises(StatusError) as caught:
        array(value, dtype)
    return caught.value


@pytest.mark.parametrize(
    ("value", "shape"),
    [(1.0, ()), ([], (0,)), ([1, 2], (2,)), ([[1, 2, 3]], (1, 3)), ([[], []], (2, 0)), ([[[1]], [[2]]], (2, 1, 1))],
)
def test_shape_is_that_of_the_lists(value, shape):
    result = array(value, tf.float32)
    assert result.shape == shape == check_element(value, tf.float32)
    assert result.dtype == np.float32
    assert result.tolist() == value


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ([1, 0.1], tf.float64, [1.0, 0.1]),
        ([1.7e308, -1.7e308, 1e-300], tf.float32, [np.inf, -np.inf, 0.0]),
        ([300, -1], tf.uint8, [44, 255]),
        ([40000], tf.int16, [-25536]),
        ([-(2**31), 2**31 - 1], tf.int32, [-(2**31), 2**31 - 1]),
        ([2**63 - 1], tf.int64, [2**63 - 1]),
        ([2**32 - 1], tf.uint32, [2**32 - 1]),
        ([2**64 - 1, 0], tf.uint64, [2**64 - 1, 0]),
        ([True, False], tf.bool, [True, False]),
        (["é", {"b64": "AAE="}], tf.string, ["é".encode(), b"\0\1"]),
        ([], tf.float16, []),
    ],
)
def test_values_of_each_type(value, dtype, expected):
    result = array(value, dtype)
    assert result.dtype == (object if dtype == tf.string else dtype.as_numpy_dtype)
    assert result.tolist() == expected


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (True, tf.float32, "JSON Value: true Type: True is not of expected type: float"),
        (None, tf.float64, "JSON Value: null Type: Null is not of expected type: double"),
        ("NaN", tf.float32, 'JSON Value: "NaN" Type: String is not of expected type: float'),
        ({"b64": ""}, tf.float32, 'JSON Value: {"b64": ""} Type: Object is not of expected type: float'),
        (1.0, tf.int32, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        (2**31, tf.uint8, "JSON Value: 2147483648 Type: Number is not of expected type: uint8"),
        (2**63, tf.int64, "JSON Value: 9223372036854775808 Type: Number is not of expected type: int64"),
        (-1, tf.uint32, "JSON Value: -1 Type: Number is not of expected type: uint32"),
        (-1, tf.uint64, "JSON Value: -1 Type: Number is not of expected type: uint64"),
        (10**30, tf.uint64, "JSON Value: 1e+30 Type: Number is not of expected type: uint64"),
        (float("nan"), tf.int32, "JSON Value: NaN Type: Number is not of expected type: int32"),
        (1, tf.bool, "JSON Value: 1 Type: Number is not of expected type: bool"),
        (False, tf.int32, "JSON Value: false Type: False is not of expected type: int32"),
        (1, tf.string, "JSON Value: 1 Type: Number is not of expected type: string"),
    ],
)
def test_tokens_of_another_kind_are_refused(value, dtype, text):
    for nested in (value, [[value]]):
        error = error_of(nested, dtype)
        assert (error.code, error.message) == (Code.INVALID_ARGUMENT, text)


def test_half_cannot_be_filled():
    error = error_of([1.0], tf.float16)
    assert error.code is Code.UNIMPLEMENTED
    assert error.message == "Conversion of JSON Value: 1.0 to type: half"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([[1, 2], [3]], "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([1, [2]], "Encountered list at unexpected level: 1 expected < 1"),
        ([[1], 2], "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ([[1, True], [3]], "JSON Value: true Type: True is not of expected type: float"),
    ],
)
def test_first_fault_of_irregular_lists(value, text):
    assert error_of(value).message == text


@pytest.mark.parametrize("text", ["YWI=", "YWI", "Y WI\n=", " YWI"])
def test_base64_with_white_space_or_without_padding(text):
    assert array({"b64": text}, tf.string).item() == b"ab"


@pytest.mark.parametrize("text", ["-_-_", "a*b$", "YWI==", "Y", "YWJj=", "YWJj====", "=", "YW=I", "é"])
def test_bad_base64(text):
    assert error_of([{"b64": text}], tf.string).message == "Unable to base64 decode"


def test_base64_of_all_lengths():
    for length in range(50):
        data = np.random.default_rng(length).bytes(length)
        text = base64.b64encode(data).decode()
        for variant in (text, text.rstrip("="), "\n".join(text)):
            assert array({"b64": variant}, tf.string).item() == data


@pytest.mark.parametrize("value", [{"b64": "YQ==", "k": 1}, {"b64": 1}, {}])
def test_other_objects_are_no_bytes(value):
    assert error_of([value], tf.string).message.endswith("not formatted correctly for base64 data")


def test_depth_beyond_numpy_is_an_error_of_the_request():
    value = 1.0
    for _ in range(100_000):
        value = [value]
    assert error_of(value).message == "tensor parsing error: x"
    assert "unexpected level" in error_of([1.0, value]).message
