"""Warm-up requests beside a model."""

import shutil

import pytest
import served_models
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfiqa.serving.server.loaded_model import LoadedModel
from tfiqa.serving.server.metrics import WARMUP_LATENCY, Metrics
from tfiqa.serving.server.model_loader import ModelLoader
from tfiqa.serving.server.status import StatusError
from tfiqa.serving.server.warm_up import warm_up


@pytest.fixture
def folder(tmp_path):
    """A copy of the model that multiplies by two."""
    return shutil.copytree(served_models.models_folder() / "times/2", tmp_path / "2")


def predict_log(signature="", value=3.0, name="x"):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "another"
    request.model_spec.signature_name = signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto([value]))
    return log


def write(folder, logs):
    (folder / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(folder / "assets.extra/tf_serving_warmup_requests")) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())


@pytest.fixture
def runs(monkeypatch):
    """The inputs of each run."""
    seen, run = [], LoadedModel.run

    def noted(self, signature, inputs, outputs=None, **limits):
        seen.append((signature, inputs["x"].tolist()))
        return run(self, signature, inputs, outputs, **limits)

    monkeypatch.setattr(LoadedModel, "run", noted)
    return seen


def test_each_request_is_run_before_the_model_is_handed_out(folder, runs):
    write(folder, [predict_log(), predict_log("serving_default", 4.0)])
    model = ModelLoader()(folder)
    assert runs == [("serving_default", [3.0]), ("serving_default", [4.0])]
    model.close()


def test_repeats(folder, runs):
    write(folder, [predict_log()])
    model = ModelLoader(warm_up_iterations=3)(folder)
    assert len(runs) == 3
    runs.clear()
    assert warm_up(model, iterations=0) == 1
    assert len(runs) == 1
    model.close()


def test_no_requests_and_warm_up_switched_off(folder, runs):
    ModelLoader()(folder).close()
    write(folder, [predict_log("missing")])
    ModelLoader(warm_up=False)(folder).close()
    assert runs == []


@pytest.mark.parametrize(
    ("log", "text"),
    [
        (predict_log("missing"), 'FAILED_PRECONDITION: Serving signature key "missing" not found.'),
        (predict_log(name="y"), "INVALID_ARGUMENT: Signature input alias: x"),
        (prediction_log_pb2.PredictionLog(session_run_log={}), "UNIMPLEMENTED: Unsupported log_type for warmup"),
        (prediction_log_pb2.PredictionLog(), "UNIMPLEMENTED: Unsupported log_type for warmup"),
        (b"\xff\xff", "INVALID_ARGUMENT: Failed to parse warmup record"),
    ],
    ids=["signature", "input", "session run", "empty", "no log"],
)
def test_a_failing_record_fails_the_load(folder, log, text):
    write(folder, [predict_log(), log])
    with pytest.raises(StatusError) as caught:
        ModelLoader()(folder)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("regress_log", "INVALID_ARGUMENT: No signature was found with the name: r"),
        ("classify_log", "INVALID_ARGUMENT: No signature was found with the name: r"),
        ("multi_inference_log", "INVALID_ARGUMENT: Requested signature not found in model graph: r"),
    ],
)
def test_examples_are_asked_of_their_signature(folder, kind, text):
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, kind).request
    spec = request.tasks.add().model_spec if kind == "multi_inference_log" else request.model_spec
    spec.name, spec.signature_name = "m", "r"
    request.input.example_list.examples.add()
    write(folder, [log])
    with pytest.raises(StatusError, match=text):
        ModelLoader()(folder)


def test_what_is_no_tfrecord_file(folder):
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra/tf_serving_warmup_requests").write_text("these are no records, only words and more words")
    with pytest.raises(StatusError, match=r"DATA_LOSS: .*Please verify your warmup data is in TFRecord format\."):
        ModelLoader()(folder)


def test_at_most_a_thousand_requests(folder, runs):
    write(folder, [predict_log()] * 1000)
    ModelLoader()(folder).close()
    assert len(runs) == 1000
    shutil.rmtree(folder / "assets.extra")
    write(folder, [predict_log()] * 1001)
    with pytest.raises(
        StatusError, match=r"Number of warmup records exceeds the maximum \(1000\) at .*/2/assets.extra"
    ):
        ModelLoader()(folder)


def test_the_time_taken_is_measured(folder):
    write(folder, [predict_log()])
    metrics = Metrics()
    ModelLoader(metrics=metrics)(folder).close()
    count = f'{WARMUP_LATENCY.prometheus_name}_count{{model_path="{folder}",status="OK"}} 1'
    assert count in metrics.page().splitlines()
