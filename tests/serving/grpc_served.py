"""A gRPC server in this process, models for it, and calls with the official stubs."""

import atexit
import contextlib
import functools
import shutil
import tempfile
from pathlib import Path

import grpc
import tensorflow as tf
from served_models import models_folder
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, model_service_pb2_grpc, prediction_service_pb2_grpc

from tfiqa.serving.server.grpc_server import GrpcServer
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.model_folders import ModelSource, all_versions
from tfiqa.serving.server.model_store import ModelStore

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class FloatModelService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Says that the model takes floats x (n,) and gives floats y (n,)."""

    def GetModelMetadata(self, request, context):  # noqa: N802
        signatures = get_model_metadata_pb2.SignatureDefMap()
        signature = signatures.signature_def["serving_default"]
        for info in (signature.inputs["x"], signature.outputs["y"]):
            info.dtype = types_pb2.DT_FLOAT
            info.tensor_shape.dim.add(size=-1)
        reply = get_model_metadata_pb2.GetModelMetadataResponse()
        reply.metadata["signature_def"].Pack(signatures)
        return reply


@functools.cache
def example_models_folder():
    """A folder of models, built once for all tests:

    * `examples/1`: signatures on serialized examples with the feature x, one float; named below;
    * `defaults/1`: a, b float (n,) -> sum and difference; b may be left out and is then [10, 20].
    """
    folder = Path(tempfile.mkdtemp(prefix="tfiqa-examples-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _save_examples(folder / "examples/1")
    _save_defaults(folder / "defaults/1")
    return folder


@functools.cache
def sources():
    """All models of `models_folder` and of `example_models_folder`, all versions of each; `times` has the label "first"."""
    folders = [
        *(base for base in models_folder().iterdir() if base.is_dir()),
        *(base for base in example_models_folder().iterdir() if base.is_dir()),
    ]
    labels = {"times": {"first": 1}}
    return [ModelSource(base.name, base, all_versions(), labels.get(base.name, {})) for base in sorted(folders)]


class Client:
    """The official stubs on one channel; `predictions` and `models`."""

    def __init__(self, server):
        self.server = server
        self.channel = grpc.insecure_channel(f"{server.host}:{server.port}", options=UNLIMITED)
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)


@contextlib.contextmanager
def grpc_served(make=GrpcServer, **settings):
    """A client of a running server over all `sources`; `settings` are those of `Inference`."""
    store = ModelStore(sources(), poll_seconds=0, load_retries=0, labels_for_unavailable=True)
    store.start()
    server = make(Inference(store, **settings), port=0)
    server.start()
    client = Client(server)
    try:
        yield client
    finally:
        client.channel.close()
        server.stop(5)
        store.stop()


def error_of(call, request):
    """(name of the code, text) of a call that must fail."""
    try:
        reply = call(request, timeout=30)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError(f"answered {reply}")


def tensor(values, dtype=tf.float32, shape=None):
    """A TensorProto made by TensorFlow itself."""
    return tf.make_tensor_proto(values, dtype, shape)


def example(**features):
    """A tf.train.Example; a list of bytes, floats or ints by name."""
    kinds = {bytes: "bytes_list", float: "float_list", int: "int64_list"}
    message = tf.train.Example()
    for name, values in features.items():
        getattr(message.features.feature[name], kinds[type(values[0])]).value.extend(values)
    return message


def _save_examples(folder):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def x_of(inputs):
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    def on_examples(outputs):
        return tf.function(lambda inputs: outputs(inputs), input_signature=[tf.TensorSpec([None], tf.string, "inputs")])

    def labels(inputs):
        return tf.tile(tf.constant([["good", "bad"]]), [tf.size(inputs), 1])

    def scores(inputs):
        return tf.concat([x_of(inputs), -x_of(inputs)], axis=1)

    two = tf.function(
        lambda inputs, more: {"outputs": x_of(inputs) + x_of(more)},
        input_signature=[tf.TensorSpec([None], tf.string, "inputs"), tf.TensorSpec([None], tf.string, "more")],
    )
    signatures = {
        "serving_default": on_examples(lambda s: {"outputs": x_of(s) / 2 + 2}),
        "vector": on_examples(lambda s: {"outputs": x_of(s)[:, 0] + 1}),
        "labels_and_scores": on_examples(lambda s: {"classes": labels(s), "scores": scores(s)}),
        "scores": on_examples(lambda s: {"scores": scores(s)}),
        "classes": on_examples(lambda s: {"classes": labels(s)}),
        "binary_labels": on_examples(lambda s: {"classes": tf.fill([tf.size(s), 1], b"\xff")}),
        # What does not fit the rules.
        "two_inputs": two,
        "two_outputs": on_examples(lambda s: {"outputs": x_of(s), "more": x_of(s)}),
        "three_outputs": on_examples(lambda s: {"scores": scores(s), "more": x_of(s), "most": x_of(s)}),
        "other_input": tf.function(
            lambda examples: {"outputs": x_of(examples)},
            input_signature=[tf.TensorSpec([None], tf.string, "examples")],
        ),
        "other_output": on_examples(lambda s: {"y": x_of(s)}),
        "wide": on_examples(lambda s: {"outputs": scores(s)}),
        "double": on_examples(lambda s: {"outputs": tf.cast(x_of(s), tf.float64)}),
        "shorter": on_examples(lambda s: {"outputs": x_of(s)[1:]}),
        "flat_scores": on_examples(lambda s: {"scores": x_of(s)[:, 0]}),
        "double_scores": on_examples(lambda s: {"scores": tf.cast(scores(s), tf.float64)}),
        "number_classes": on_examples(lambda s: {"classes": scores(s)}),
        "shorter_scores": on_examples(lambda s: {"scores": scores(s)[1:]}),
        "unequal": on_examples(lambda s: {"classes": labels(s), "scores": x_of(s)}),
    }
    module = tf.Module()
    module.functions = list(signatures.values())
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _save_defaults(folder):
    a, b = tf.TensorSpec([None], tf.float32, "a"), tf.TensorSpec([None], tf.float32, "b")
    function = tf.function(lambda a, b: {"sum": a + b, "difference": a - b}, input_signature=[a, b])
    module = tf.Module()
    module.function = function
    tf.saved_model.save(module, str(folder), signatures=function)
    file = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].signature_def["serving_default"].defaults["b"].CopyFrom(tensor([10, 20]))
    file.write_bytes(saved.SerializeToString())
