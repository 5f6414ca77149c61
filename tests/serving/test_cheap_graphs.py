"""Which signatures are run in the caller's thread, and that they then answer as others do."""

import gzip
import threading

import numpy as np
import pytest
import tensorflow as tf
from grpc_served import example, example_models_folder
from served_models import call, models_folder, predict, served
from tensorflow.core.protobuf import saved_model_pb2

from tfiqa.serving.server.cheap_graphs import SHORT_REQUEST, SHORTEST_REQUEST, cheap_signatures
from tfiqa.serving.server.loaded_model import LoadedModel
from tfiqa.serving.server.status import Code, StatusError


def cheap_in(folder):
    file = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = file.meta_graphs[0]
    return cheap_signatures(graph.graph_def, graph.signature_def)


def test_arithmetic_is_cheap():
    assert "serving_default" in cheap_in(models_folder() / "half_plus_two/123")
    assert "serving_default" in cheap_in(models_folder() / "times/1")
    assert cheap_in(models_folder() / "kinds/1") >= {"two", "total", "text", "positive"}
    assert "scores" in cheap_in(example_models_folder() / "examples/1")


def test_loops_and_pictures_are_not():
    assert "slow" not in cheap_in(models_folder() / "kinds/1")
    assert not cheap_in(models_folder() / "pictures/1") & {"serving_default", "boxes"}


def saved(folder, function):
    module = tf.Module()
    module.function = tf.function(function, input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    tf.saved_model.save(module, str(folder), signatures=module.function)
    return folder


def test_an_op_inside_inner_functions_counts(tmp_path):
    @tf.function
    def inner(x):
        return tf.sort(x)

    @tf.function
    def middle(x):
        return inner(x) + 1

    assert "serving_default" not in cheap_in(saved(tmp_path / "sorts", lambda x: {"y": middle(x)}))


def test_many_quick_ops_are_not_cheap(tmp_path):
    def long(x):
        for _ in range(300):
            x = x * 1.01 + 1
        return {"y": x}

    assert "serving_default" not in cheap_in(saved(tmp_path / "long", long))


def test_what_makes_large_tensors_of_a_few_numbers_is_not_cheap(tmp_path):
    assert "serving_default" not in cheap_in(saved(tmp_path / "fill", lambda x: {"y": tf.fill([1 << 20], x[0])}))
    assert "serving_default" not in cheap_in(saved(tmp_path / "tile", lambda x: {"y": tf.tile(x, [1 << 20])}))


@pytest.mark.parametrize(
    ("compute", "short"),
    [
        (lambda x: {"y": 2 * x}, True),
        (lambda x: {"y": tf.stack([x, x], axis=1), "mean": tf.reduce_mean(x)}, True),
        (lambda x: {"y": x[:, None] - x[None, :]}, False),
        (lambda x: {"y": x[:, None] * np.ones((1, 1000), np.float32)}, False),
    ],
)
def test_a_model_whose_answers_outgrow_its_requests_is_quick_with_the_shortest_alone(tmp_path, compute, short):
    saved(tmp_path / "m", compute)
    assert LoadedModel(tmp_path / "m").quick_request == (SHORT_REQUEST if short else SHORTEST_REQUEST)


def test_small_requests_to_cheap_models_alone_are_run_by_the_event_loop(monkeypatch):
    threads, run = [], LoadedModel.run

    def noted(*arguments, **settings):
        threads.append(threading.current_thread().name)
        return run(*arguments, **settings)

    monkeypatch.setattr(LoadedModel, "run", noted)
    with served() as server:
        assert predict(server, "times", {"instances": [1.0]})[0] == 200
        assert predict(server, "times", {"instances": [1.0] * 5000})[0] == 200
        assert predict(server, "half_plus_two", {"instances": [1.0]})[0] == 200
        assert predict(server, "half_plus_two", {"instances": [1.0] * 100})[0] == 200  # of unknown rank
        packed = gzip.compress(b'{"instances": [1.0]}')
        assert call(server, "POST", "/v1/models/times:predict", packed, {"Content-Encoding": "gzip"})[0] == 200
        assert predict(server, "kinds", {"signature_name": "two", "instances": [{"a": 1.0, "b": 2}]})[0] == 200
    assert threads == ["tfiqa-rest", "tfiqa-rest-0", "tfiqa-rest", *["tfiqa-rest-0"] * 3]


def test_it_runs_in_the_callers_thread_from_many_threads_at_once():
    model = LoadedModel(models_folder() / "half_plus_two/123")
    wrong = []

    def call(number):
        for step in range(200):
            x = np.array([number, step], np.float32)
            found = model.run("serving_default", {"x": x})["y"].tolist()
            if found != [number / 2 + 2, step / 2 + 2]:
                wrong.append(found)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    model.close()
    assert wrong == []


def test_errors_of_ops_keep_code_and_text():
    model = LoadedModel(example_models_folder() / "examples/1")
    serialized = np.empty(1, object)
    serialized[0] = example(z=[1.0]).SerializeToString()
    with pytest.raises(StatusError) as caught:
        model.run("scores", {"inputs": serialized})
    model.close()
    assert caught.value.code == Code.INVALID_ARGUMENT
    assert "Feature: x (data type: float) is required but could not be found." in caught.value.message
