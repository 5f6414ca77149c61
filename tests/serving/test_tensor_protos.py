"""Tensors in protocol buffers: read as TensorFlow's C++ reads them (`tf.io.parse_tensor`), written so that it can."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as some
from tensorflow.core.framework import tensor_pb2, types_pb2

from tfiqa.serving.server.status import Code, StatusError
from tfiqa.serving.server.tensor_protos import array_of, fill_proto

FIELDS = {
    "float32": ("float_val", some.floats(width=32)),
    "float64": ("double_val", some.floats()),
    "int8": ("int_val", some.integers(-(2**31), 2**31 - 1)),
    "uint8": ("int_val", some.integers(-(2**31), 2**31 - 1)),
    "int16": ("int_val", some.integers(-(2**31), 2**31 - 1)),
    "uint16": ("int_val", some.integers(-(2**31), 2**31 - 1)),
    "int32": ("int_val", some.integers(-(2**31), 2**31 - 1)),
    "int64": ("int64_val", some.integers(-(2**63), 2**63 - 1)),
    "uint32": ("uint32_val", some.integers(0, 2**32 - 1)),
    "uint64": ("uint64_val", some.integers(0, 2**64 - 1)),
    "bool": ("bool_val", some.booleans()),
    "string": ("string_val", some.binary(max_size=3)),
    "half": ("half_val", some.integers(0, 2**16 - 1)),
    "bfloat16": ("half_val", some.integers(0, 2**16 - 1)),
    "complex64": ("scomplex_val", some.floats(width=32)),
    "complex128": ("dcomplex_val", some.floats()),
}


def proto(dtype, shape, content=b"", **values):
    message = tensor_pb2.TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum, tensor_content=content, **values)
    for size in shape:
        message.tensor_shape.dim.add(size=size)
    return message


def written(array, **options):
    message = tensor_pb2.TensorProto()
    fill_proto(message, array, **options)
    return message


def texts(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def refused(message):
    with pytest.raises(StatusError) as caught:
        array_of(message, "x")
    return (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, "tensor parsing error: x")


def by_tensorflow(message):
    """What TensorFlow's C++ makes of it; None when it refuses."""
    try:
        return tf.io.parse_tensor(message.SerializeToString(), tf.as_dtype(message.dtype)).numpy()
    except tf.errors.InvalidArgumentError:
        return None


def is_same(mine, theirs):
    if mine.dtype == object:
        return np.asarray(theirs, object).tolist() == mine.tolist()
    return mine.dtype == theirs.dtype and mine.shape == theirs.shape and mine.tobytes() == theirs.tobytes()


@settings(max_examples=400, deadline=None)
@given(some.data())
def test_typed_values_as_tensorflow_reads_them(data):
    dtype = data.draw(some.sampled_from(sorted(FIELDS)))
    field, element = FIELDS[dtype]
    shape = data.draw(some.lists(some.integers(-1, 3), max_size=3))
    message = proto(dtype, shape, **{field: data.draw(some.lists(element, max_size=8))})
    message.tensor_shape.unknown_rank = data.draw(some.booleans())
    theirs = by_tensorflow(message)
    assert refused(message) if theirs is None else is_same(array_of(message, "x"), theirs)


@settings(max_examples=300, deadline=None)
@given(some.data())
def test_content_as_tensorflow_reads_it(data):
    dtype = data.draw(some.sampled_from(sorted(FIELDS.keys() - {"bool"})))  # a bool of content 2 is neither
    shape = data.draw(some.lists(some.integers(0, 3), max_size=2))
    size = max(0, math.prod(shape) * (tf.as_dtype(dtype).size or 2) + data.draw(some.sampled_from([0, 0, 0, -1, 1])))
    message = proto(dtype, shape, data.draw(some.binary(min_size=size, max_size=size)))
    theirs = by_tensorflow(message)
    assert refused(message) if theirs is None else is_same(array_of(message, "x"), theirs)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (proto("float32", [2], float_val=[1, 2, 3]), [1.0, 2.0]),  # surplus is cut
        (proto("float32", [4], float_val=[1, 2]), [1.0, 2.0, 2.0, 2.0]),  # the last one is repeated
        (proto("float32", [2, 2]), [[0.0, 0.0], [0.0, 0.0]]),
        (proto("float32", [], float_val=[7]), 7.0),
        (proto("float32", [0]), []),
        (proto("uint8", [3], int_val=[300, -1, 7]), [44, 255, 7]),
        (proto("int8", [2], int_val=[200, -200]), [-56, 56]),
        (proto("half", [2], half_val=[0x3C00, 0xC000]), [1.0, -2.0]),
        (proto("bfloat16", [1], half_val=[0x3F80]), [1.0]),
        (proto("bool", [3], bool_val=[True, False]), [True, False, False]),
        (proto("string", [2], string_val=[b"a\0"]), [b"a\0", b"a\0"]),
        (proto("string", [2]), [b"", b""]),
        (proto("string", [2], b"\x01\x02abc"), [b"a", b"bc"]),
        (proto("complex64", [2], scomplex_val=[1, 2]), [1 + 2j, 1 + 2j]),
        (proto("int32", [2], b"\1\0\0\0\2\1\0\0"), [1, 258]),
        (proto("uint64", [1], uint64_val=[2**64 - 1]), [2**64 - 1]),
    ],
)
def test_examples_of_the_rules(message, expected):
    assert array_of(message, "x").tolist() == expected
    assert is_same(array_of(message, "x"), by_tensorflow(message))


def test_a_long_string_in_content():
    text = bytes(range(256)) * 2
    assert array_of(proto("string", [1], b"\x80\x04" + text), "x").tolist() == [text]


@pytest.mark.parametrize(
    "message",
    [
        proto("float32", [2], b"1234567"),
        proto("float32", [2], b"123456789"),
        proto("float32", [-1], float_val=[1]),
        proto("float32", [-2, -1], float_val=[1, 2]),
        proto("string", [2], b"\x01\x02ab"),
        proto("string", [1], b"\xff\xff\xff\xff\xff\xff"),
        proto("string", [1], b"\x01ab"),
        proto("resource", [1]),
        proto("variant", []),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_INVALID, float_val=[1]),
        tensor_pb2.TensorProto(dtype=9999),
    ],
)
def test_what_does_not_parse(message):
    assert refused(message)


@pytest.mark.parametrize(
    "message",
    [
        proto("float32", [2**40]),
        proto("float32", [2**20, 2**20], float_val=[1]),
        proto("float32", [2**62, 4, 2**62], float_val=[1]),
        proto("string", [2**30], string_val=[b"x"]),
        proto("string", [2**27]),
        proto("uint8", [2**30], int_val=[1, 2]),
        proto("complex128", [2**25], dcomplex_val=[1, 2]),
        proto("float32", [1] * 200, float_val=[1]),
    ],
)
def test_a_short_message_takes_no_memory(message, monkeypatch):
    def no_array(*arguments, **options):
        raise AssertionError("made an array")

    for maker in ("empty", "full", "zeros", "concatenate"):
        monkeypatch.setattr(f"tfiqa.serving.server.tensor_protos.np.{maker}", no_array)
    assert refused(message)


def test_no_elements_need_no_memory_however_long_the_other_dimensions():
    assert array_of(proto("float32", [0, 2**40]), "x").shape == (0, 2**40)
    assert refused(proto("float32", [0, 2**62, 2**62]))


ARRAYS = [
    (np.array([1.5, -np.inf], np.float32), "float_val"),
    (np.array(0.1), "double_val"),
    (np.array([[1, 2], [3, -4]], np.int32), "int_val"),
    (np.array([255], np.uint8), "int_val"),
    (np.array([-128], np.int8), "int_val"),
    (np.array([65535], np.uint16), "int_val"),
    (np.array([-(2**63)]), "int64_val"),
    (np.array([2**32 - 1], np.uint32), "uint32_val"),
    (np.array([2**64 - 1], np.uint64), "uint64_val"),
    (np.array([True, False]), "bool_val"),
    (np.array([1.5, -2], np.float16), "half_val"),
    (np.array([1.5, -2], tf.bfloat16.as_numpy_dtype), "half_val"),
    (np.array([1 + 2j, -3j], np.complex64), "scomplex_val"),
    (np.array([[1 + 2j]], np.complex128), "dcomplex_val"),
    (texts(b"a\0", b"", b"\xff"), "string_val"),
    (np.zeros((0, 3), np.float32), "float_val"),
]


@pytest.mark.parametrize(("array", "field"), ARRAYS, ids=[f"{array.dtype}{array.shape}" for array, _ in ARRAYS])
def test_written_values_are_in_the_typed_field(array, field):
    message = written(array)
    assert not message.tensor_content
    assert len(getattr(message, field)) == array.size * (2 if array.dtype.kind == "c" else 1)
    assert is_same(array, by_tensorflow(message))
    assert is_same(array, tf.make_ndarray(message))


@pytest.mark.parametrize("array", [array for array, field in ARRAYS if field != "string_val" and array.size])
def test_written_content_is_raw_bytes(array):
    message = written(array, as_content=True)
    assert message.tensor_content == array.tobytes()
    assert is_same(array, by_tensorflow(message))


def test_strings_are_never_written_as_content():
    assert list(written(texts(b"a"), as_content=True).string_val) == [b"a"]


def test_an_array_that_is_a_view():
    assert tf.make_ndarray(written(np.arange(6, dtype=np.float32).reshape(2, 3).T)).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_type_that_no_message_holds():
    with pytest.raises(StatusError) as caught:
        written(np.array([1], tf.qint8.as_numpy_dtype))
    assert caught.value.code == Code.INVALID_ARGUMENT
