"""Predictions and metadata over gRPC, with the official stubs against a server in this process."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_served import Client, error_of, grpc_served, tensor
from served_models import models_folder, png
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.grpc_server import GrpcServer
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.loaded_model import LoadedModel
from tfiqa.serving.server.prediction_messages import answer_predict


@pytest.fixture(scope="module")
def client():
    with grpc_served() as client:
        yield client


def request(model, signature="", outputs=(), version=None, label=None, **inputs):
    message = predict_pb2.PredictRequest(output_filter=outputs)
    message.model_spec.name = model
    message.model_spec.signature_name = signature
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(value if isinstance(value, tensor_pb2.TensorProto) else tensor(value))
    return message


def predict(client, *arguments, **named):
    """The outputs as lists by name."""
    reply = client.predictions.Predict(request(*arguments, **named), timeout=30)
    return {name: tf.make_ndarray(value).tolist() for name, value in reply.outputs.items()}


def refused(client, *arguments, **named):
    return error_of(client.predictions.Predict, request(*arguments, **named))


def test_a_prediction(client):
    reply = client.predictions.Predict(request("half_plus_two", x=[[1, 2], [3, 4]]), timeout=30)
    assert list(reply.outputs) == ["y"]
    assert list(reply.outputs["y"].float_val) == [2.5, 3.0, 3.5, 4.0]
    assert [dim.size for dim in reply.outputs["y"].tensor_shape.dim] == [2, 2]
    assert not reply.outputs["y"].tensor_content
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("half_plus_two", 123)
    assert reply.model_spec.signature_name == "serving_default"


def test_versions_and_labels(client):
    for asked, version in (({}, 2), ({"version": 1}, 1), ({"version": 2}, 2), ({"label": "first"}, 1)):
        reply = client.predictions.Predict(request("times", x=[3], **asked), timeout=30)
        assert list(reply.outputs["y"].float_val) == [3 * version]
        assert reply.model_spec.version.value == version
        assert reply.model_spec.WhichOneof("version_choice") == "version"  # a label is not echoed


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        ({"model": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ({"model": "nope"}, "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        ({"model": "times", "version": 7}, "NOT_FOUND", "Servable not found for request: Specific(times, 7)"),
        ({"model": "times", "version": 0}, "NOT_FOUND", "Servable not found for request: Specific(times, 0)"),
        ({"model": "nope", "version": 3}, "NOT_FOUND", "Servable not found for request: Specific(nope, 3)"),
        ({"model": "times", "label": "new"}, "INVALID_ARGUMENT", "Unrecognized servable version label: new"),
        ({"model": "times", "signature": "no"}, "FAILED_PRECONDITION", 'Serving signature key "no" not found.'),
    ],
)
def test_a_model_that_is_not_there(client, asked, code, text):
    assert refused(client, x=[1], **asked) == (code, text)


def test_no_model_spec(client):
    message = predict_pb2.PredictRequest()
    assert error_of(client.predictions.Predict, message) == ("INVALID_ARGUMENT", "Missing ModelSpec")


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (
            {"x": [1], "z": [2]},
            "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}.",
        ),
        (
            {},
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        ),
        (
            {"image": [1]},
            "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default value provided. "
            "Inputs expected to be in the request {image}, or default input alias set: ",
        ),
        ({"x": tensor_pb2.TensorProto(dtype=1, tensor_content=b"12345")}, "tensor parsing error: x"),
        ({"x": tensor([1.0], tf.float64)}, "Expects arg[0] to be float but double is provided"),
        ({"x": tensor([1], tf.int32)}, "Expects arg[0] to be float but int32 is provided"),
        ({"x": tensor([1], tf.half)}, "Expects arg[0] to be float but half is provided"),
        ({"x": tensor([b"1"], tf.string)}, "Expects arg[0] to be float but string is provided"),
    ],
)
def test_inputs_that_do_not_fit(client, inputs, text):
    assert refused(client, "half_plus_two", **inputs) == ("INVALID_ARGUMENT", text)


def test_inputs_with_defaults(client):
    assert predict(client, "defaults", a=[1, 2], b=[3, 4]) == {"sum": [4, 6], "difference": [-2, -2]}
    assert predict(client, "defaults", a=[1, 2]) == {"sum": [11, 22], "difference": [-9, -18]}


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (("a", "c"), "Inputs contains invalid name. Used request inputs: a, request input: a,c"),
        (
            ("b",),
            "Signature input alias: a(feed name: serving_default_a:0) not found in request and no default value provided. "
            "Inputs expected to be in the request {b}, or default input alias set: b",
        ),
        (
            ("a", "b", "c"),
            "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). Sent extra: {c}. Missing but required: {}.",
        ),
    ],
)
def test_inputs_that_do_not_fit_beside_defaults(client, inputs, text):
    assert refused(client, "defaults", **{name: [1, 2] for name in inputs}) == ("INVALID_ARGUMENT", text)


def test_the_ops_own_error(client):
    code, text = refused(client, "kinds", "positive", x=[-1])
    assert code == "INVALID_ARGUMENT"
    assert "found a negative value" in text
    code, text = refused(client, "kinds", "two", a=[1, 2, 3], b=[1, 2])
    assert code == "INVALID_ARGUMENT"
    assert "Incompatible shapes" in text
    assert "{{node" in text
    code, text = refused(client, "pictures", image_bytes=tensor([b"no picture"], tf.string))
    assert code == "INVALID_ARGUMENT"
    assert "Unknown image file format" in text


@pytest.mark.parametrize("chosen", [["sum"], ["difference"], ["sum", "difference"], []])
def test_output_filter(client, chosen):
    everything = {"sum": [5.0], "difference": [-1.0]}
    assert predict(client, "kinds", "two", chosen, a=[2], b=[3]) == {
        name: everything[name] for name in chosen or everything
    }


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        (
            ["sum", "no"],
            "output tensor alias not found in signature: no Outputs expected to be in the set {difference,sum}.",
        ),
        (["sum", "difference", "sum"], "duplicate output tensor alias: sum"),
    ],
)
def test_an_output_filter_that_does_not_fit(client, chosen, text):
    assert refused(client, "kinds", "two", chosen, a=[2], b=[3]) == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize(
    ("signature", "values", "dtype", "field", "expected"),
    [
        ("double", [0.1], tf.float64, "double_val", [0.1]),
        ("int32", [-5], tf.int32, "int_val", [-4]),
        ("int64", [2**53], tf.int64, "int64_val", [2**53 + 1]),
        ("int16", [-5], tf.int16, "int_val", [-5]),
        ("uint8", [200], tf.uint8, "int_val", [200]),
        ("uint32", [2**32 - 1], tf.uint32, "uint32_val", [2**32 - 1]),
        ("uint64", [2**64 - 1], tf.uint64, "uint64_val", [2**64 - 1]),
        ("bool", [True, False], tf.bool, "bool_val", [False, True]),
        ("half", [1.5], tf.half, "half_val", [0x3E00]),
    ],
)
def test_types(client, signature, values, dtype, field, expected):
    reply = client.predictions.Predict(request("kinds", signature, x=tensor(values, dtype)), timeout=30)
    assert list(getattr(reply.outputs["y"], field)) == expected
    assert reply.outputs["y"].dtype == dtype.as_datatype_enum


def test_strings(client):
    reply = client.predictions.Predict(request("kinds", "bytes", s=tensor([[b"\0\xff"], [b""]], tf.string)), timeout=30)
    assert list(reply.outputs["copy_bytes"].string_val) == [b"\0\xff", b""]
    scalar = client.predictions.Predict(request("kinds", "bytes", s=tensor(b"a\0", tf.string)), timeout=30)
    assert list(scalar.outputs["copy_bytes"].string_val) == [b"a\0"]
    assert not scalar.outputs["copy_bytes"].tensor_shape.dim


def test_pictures(client):
    pictures = tensor([png(4, 6, 10), png(9, 2, 200)], tf.string)
    assert predict(client, "pictures", image_bytes=pictures) == {"quality": [10.0, 200.0]}


def test_messages_of_more_than_four_megabytes(client):
    values = np.arange(3 * 2**20, dtype=np.float32)
    reply = client.predictions.Predict(request("half_plus_two", x=values), timeout=30)
    assert reply.ByteSize() > 12 * 2**20
    np.testing.assert_array_equal(tf.make_ndarray(reply.outputs["y"]), values / 2 + 2)


def test_raw_content_when_asked_for():
    model = LoadedModel(models_folder() / "half_plus_two/123")
    reply = answer_predict(request("half_plus_two", x=[2]), 123, model, model.run, as_content=True)
    model.close()
    assert reply.outputs["y"].tensor_content == np.array([3], np.float32).tobytes()


def test_many_threads_get_their_own_answers(client):
    channels = [Client(client.server) for _ in range(4)]

    def ask(number):
        named = predict(channels[number % 4], "half_plus_two", x=[number, -number])
        return named == {"y": [number / 2 + 2, -number / 2 + 2]}

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(400)))
    for other in channels:
        other.channel.close()


def test_a_call_in_the_callers_time(client):
    with pytest.raises(grpc.RpcError) as caught:
        client.predictions.Predict(request("kinds", "slow", x=[1e5]), timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert predict(client, "kinds", "slow", x=[3]) == {"y": [3.0]}


def test_no_run_free_in_time():
    with grpc_served(max_runs=1) as client:
        blocking = client.predictions.Predict.future(request("kinds", "slow", x=[1e5]), timeout=60)
        time.sleep(0.2)  # by now it runs
        code, _ = error_of(
            lambda message, timeout: client.predictions.Predict(message, timeout=0.1), request("kinds", "slow", x=[1])
        )
        assert code == "DEADLINE_EXCEEDED"
        assert list(blocking.result().outputs["y"].float_val) == [1e5]


def test_a_long_error_text_is_cut(client):
    code, text = refused(client, "times", label="l" * 5000)
    assert code == "INVALID_ARGUMENT"
    assert text == "Unrecognized servable version label: " + "l" * (1024 - 37) + "...TRUNCATED"
    exactly = "l" * (1024 - 37)
    assert refused(client, "times", label=exactly)[1] == f"Unrecognized servable version label: {exactly}"


def test_a_failure_of_the_server_itself(client, monkeypatch, caplog):
    monkeypatch.setattr(Inference, "run", lambda *arguments, **named: 1 / 0)
    code, text = refused(client, "times", x=[1])
    assert code == "INTERNAL"
    assert "log" in text
    assert "division" not in text
    assert "ZeroDivisionError" in caplog.text


def metadata(model, *fields, **spec):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    message.model_spec.CopyFrom(request(model, **spec).model_spec)
    return message


def test_metadata(client):
    reply = client.predictions.GetModelMetadata(metadata("times", "signature_def", label="first"), timeout=30)
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("times", 1)
    assert (reply.model_spec.signature_name, reply.model_spec.version_label) == ("", "")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert list(reply.metadata) == ["signature_def"]
    assert reply.metadata["signature_def"].Unpack(signatures)
    assert sorted(signatures.signature_def) == ["__saved_model_init_op", "serving_default"]
    signature = signatures.signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.inputs["x"].name == "serving_default_x:0"
    assert [dim.size for dim in signature.inputs["x"].tensor_shape.dim] == [-1]
    assert signature.outputs["y"].dtype == tf.float32.as_datatype_enum


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (
            get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"]),
            "INVALID_ARGUMENT",
            "Missing ModelSpec",
        ),
        (metadata("", "signature_def"), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            metadata("times"),
            "INVALID_ARGUMENT",
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (metadata("times", "signature_def", "no"), "INVALID_ARGUMENT", "Metadata field no is not supported"),
        (metadata("no", "signature_def"), "NOT_FOUND", "Servable not found for request: Latest(no)"),
        (
            metadata("times", "signature_def", version=9),
            "NOT_FOUND",
            "Servable not found for request: Specific(times, 9)",
        ),
        (
            metadata("times", "signature_def", label="no"),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: no",
        ),
    ],
)
def test_metadata_that_is_not_there(client, message, code, text):
    assert error_of(client.predictions.GetModelMetadata, message) == (code, text)


def test_a_service_or_method_that_is_not_there(client):
    for path in (
        "/tensorflow.serving.PredictionService/PredictStreamed",
        "/tensorflow.serving.SessionService/SessionRun",
    ):
        code, _ = error_of(client.channel.unary_unary(path), b"")
        assert code == "UNIMPLEMENTED"


def test_two_servers_do_not_share_a_port(client):
    with pytest.raises(ServerStartError, match="the port is in use"):
        GrpcServer(Inference(None), port=client.server.port).start()


def test_stopping_lets_a_running_call_finish():
    answers = []
    with grpc_served() as client:
        started = threading.Event()

        def ask():
            call = client.predictions.Predict.future(request("kinds", "slow", x=[8000]), timeout=30)
            started.set()
            answers.append(list(call.result().outputs["y"].float_val))

        asking = threading.Thread(target=ask)
        asking.start()
        started.wait()
        assert predict(client, "times", x=[1]) == {"y": [2.0]}  # so the call before it has arrived, too
        client.server.stop(10)
        asking.join()
    assert answers == [[8000.0]]
