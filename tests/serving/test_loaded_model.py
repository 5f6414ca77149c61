"""A SavedModel run through a v1 session."""

import gc
import shutil
import weakref

import numpy as np
import pytest
import served_models
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.util import deprecation

from tfiqa.serving.server.loaded_model import LoadedModel, TensorInfo
from tfiqa.serving.server.status import Code, StatusError


@pytest.fixture(scope="module")
def kinds():
    return LoadedModel(served_models.models_folder() / "kinds/1", run_timeout_seconds=0.5)


def floats(*values):
    return np.array(values, np.float32)


def error_of(model, signature, inputs):
    with pytest.raises(StatusError) as caught:
        model.run(signature, inputs)
    return caught.value.code, caught.value.message


def test_signatures(kinds):
    two = kinds.signatures["two"]
    assert two.inputs == {
        "a": TensorInfo("two_a:0", tf.float32, (None,)),
        "b": TensorInfo("two_b:0", tf.float32, (None,)),
    }
    assert list(two.outputs) == ["difference", "sum"]
    assert kinds.signatures["serving_default"].inputs["x"].shape is None
    assert "__saved_model_init_op" in kinds.definitions
    assert "__saved_model_init_op" not in kinds.signatures


def test_run(kinds):
    outputs = kinds.run("two", {"b": floats(1, 2), "a": floats(5, 5)})
    assert {name: array.tolist() for name, array in outputs.items()} == {"difference": [4, 3], "sum": [6, 7]}
    assert kinds.run("total", {"x": floats(1, 2)})["total"].shape == ()


def test_bytes_come_back_whole(kinds):
    scalar = np.empty((), object)
    scalar[()] = b"a\0\0"
    assert kinds.run("bytes", {"s": scalar})["copy_bytes"].item() == b"a\0\0"
    assert kinds.run("bytes", {"s": scalar.reshape(1)})["copy_bytes"].tolist() == [b"a\0\0"]


def test_variables_are_loaded_and_closing_frees():
    model = LoadedModel(served_models.models_folder() / "times/2")
    assert model.run("serving_default", {"x": floats(1.5)})["y"].tolist() == [3.0]
    model.close()
    assert error_of(model, "serving_default", {"x": floats(1.5)}) == (Code.CANCELLED, "Session has been closed.")


def test_a_closed_model_leaves_nothing_to_the_garbage_collector():
    model = LoadedModel(served_models.models_folder() / "times/2")
    graph = weakref.ref(model._session.graph)
    gc.freeze()  # as the server does once its models are loaded
    try:
        model.close()
        del model
        assert graph() is None
    finally:
        gc.unfreeze()


def test_errors_of_the_request(kinds):
    assert error_of(kinds, "nope", {}) == (Code.FAILED_PRECONDITION, 'Serving signature key "nope" not found.')
    assert error_of(kinds, "two", {"a": floats(1), "z": floats(1), "y": floats(1)}) == (
        Code.INVALID_ARGUMENT,
        "input size does not match signature: 3!=2 len({a,y,z}) != len({a,b}). Sent extra: {y,z}. "
        "Missing but required: {b}.",
    )
    assert error_of(kinds, "two", {"a": floats(1), "b": np.array([1.0])}) == (
        Code.INVALID_ARGUMENT,
        "Expects arg[1] to be float but double is provided",
    )


def test_op_errors_keep_code_and_text(kinds):
    code, message = error_of(kinds, "positive", {"x": floats(-1)})
    assert code is Code.INVALID_ARGUMENT
    assert message.startswith("assertion failed: [found a negative value]\n\t [[{{")


def test_a_run_that_takes_too_long(kinds):
    assert error_of(kinds, "slow", {"x": floats(1e8)}) == (
        Code.DEADLINE_EXCEEDED,
        "Timed out waiting for notification",
    )
    assert kinds.run("slow", {"x": floats(3)})["y"].tolist() == [3.0]


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, Code.NOT_FOUND), (b"no model", Code.DATA_LOSS), (b"", Code.NOT_FOUND)],
)
def test_folders_that_hold_no_model(tmp_path, content, code):
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(StatusError) as caught:
        LoadedModel(tmp_path)
    assert caught.value.code is code
    assert "\n" not in caught.value.message


def test_tags_that_no_graph_has():
    with pytest.raises(StatusError) as caught:
        LoadedModel(served_models.models_folder() / "times/1", tags=["serve", "gpu"])
    assert str(caught.value) == "NOT_FOUND: Could not find meta graph def matching supplied tags: { serve gpu }"


def test_loading_logs_no_advice(caplog, monkeypatch):
    monkeypatch.setattr(deprecation, "_PRINTED_WARNING", {})  # it is printed once a process
    LoadedModel(served_models.models_folder() / "times/1")
    assert "deprecated" not in caplog.text


def test_all_outputs_are_prepared_once_whatever_the_time_limit(monkeypatch):
    model = LoadedModel(served_models.models_folder() / "kinds/1")
    a, b = np.array([2], np.float32), np.array([3], np.float32)

    def prepare_again(options):
        raise AssertionError("prepared for a limit")

    monkeypatch.setattr(model._session, "_make_callable_from_options", prepare_again)
    for seconds in (1.0, 29.0, 1e9, float("inf")):
        found = model.run("two", {"a": a, "b": b}, seconds=seconds)
        assert {name: array.tolist() for name, array in found.items()} == {"difference": [-1.0], "sum": [5.0]}
    named = model.run("two", {"a": a, "b": b}, ["sum", "difference"])
    assert list(named) == ["difference", "sum"]
    model.close()


def test_an_output_that_the_graph_has_not(tmp_path):
    shutil.copytree(served_models.models_folder() / "half_plus_two/123", tmp_path / "1")
    file = tmp_path / "1/saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].signature_def["serving_default"].outputs["y"].name = "nowhere:0"
    file.write_bytes(saved.SerializeToString())
    model = LoadedModel(tmp_path / "1")
    with pytest.raises(StatusError, match="nowhere"):
        model.run("serving_default", {"x": np.array([1], np.float32)})
    model.close()
