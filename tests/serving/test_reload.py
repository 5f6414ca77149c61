"""Serving another set of models while the server runs."""

import shutil
import threading
from types import SimpleNamespace

import grpc
import pytest
from google.protobuf import text_format
from stand_in_models import StandIn, publish, served, states, until
from tensorflow_serving.apis import model_management_pb2

from tfiqa.serving.server.config_file_watch import ConfigFileWatch
from tfiqa.serving.server.metrics import REQUEST_COUNT, Metrics
from tfiqa.serving.server.model_folders import ModelSource, latest_versions, specific_versions
from tfiqa.serving.server.model_service import ModelService
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.status import StatusError


@pytest.fixture
def source(tmp_path):
    """Describes a model in the test's folder."""
    publish(tmp_path / "m", 1)
    publish(tmp_path / "m", 2)
    publish(tmp_path / "n", 3)

    def make(name="m", versions=None, labels=()):
        policy = latest_versions() if versions is None else specific_versions(versions)
        return ModelSource(name, tmp_path / name, policy, dict(labels))

    return make


@pytest.fixture
def started(source):
    """A running store of the model `m`, version 1 of it unless told otherwise."""
    stores = []

    def start(**settings):
        settings = {"poll_seconds": 0.01, "load_retries": 0, "load": StandIn, **settings}
        stores.append(ModelStore([source(versions=[1])], **settings))
        stores[-1].start()
        return stores[-1]

    yield start
    for store in stores:
        store.stop()


@pytest.mark.parametrize("poll_seconds", [0.01, 0, 1000])
def test_new_models_are_available_and_those_left_out_are_unloaded(started, source, poll_seconds):
    store = started(poll_seconds=poll_seconds)
    store.reload([source("n")])
    assert store.names() == ["n"]
    assert served(store, "n") == 3
    until(lambda: states(store) == [(1, "END")])  # still listed
    with pytest.raises(StatusError, match=r"NOT_FOUND: Servable not found for request: Latest\(m\)"):
        served(store)
    store.reload([source("n"), source()])
    assert (served(store), states(store)) == (2, [(2, "AVAILABLE"), (1, "END")])


def test_an_empty_list_unloads_everything(started):
    store = started()
    store.reload([])
    until(lambda: states(store) == [(1, "END")])
    assert store.names() == []


def test_a_request_keeps_the_model_that_is_left_out(started, source):
    store = started()
    with store.borrow("m") as (_, model):
        store.reload([source("n")])
        until(lambda: states(store) == [(1, "UNLOADING")])
        assert model.open
    assert not model.open


def test_new_versions_of_known_models_are_not_awaited(started, source, tmp_path, monkeypatch):
    monkeypatch.setattr(StandIn, "go", threading.Event())
    store = started()
    publish(tmp_path / "m", 5, "slow")
    store.reload([source(versions=[5])])
    assert served(store) == 1
    StandIn.go.set()
    until(lambda: states(store) == [(5, "AVAILABLE"), (1, "END")])


def test_a_new_model_that_fails_is_told(started, source, tmp_path):
    store = started()
    publish(tmp_path / "q", 4, "broken")
    with pytest.raises(StatusError) as caught:
        store.reload([source(versions=[1]), source("q")])
    assert str(caught.value) == (
        "UNKNOWN: 1 model(s) did not become available: {{{name: q version: 4} due to error: DATA_LOSS: it is broken}, }"
    )
    assert (served(store), states(store, "q")) == (1, [(4, "END")])
    publish(tmp_path / "q", 5)  # it is served all the same, once it can be
    until(lambda: states(store, "q") == [(5, "AVAILABLE"), (4, "END")])


def test_a_base_folder_that_is_missing_is_refused(started, source, tmp_path):
    store = started()
    with pytest.raises(StatusError, match=f"INVALID_ARGUMENT: Could not find base path {tmp_path}/q for servable q"):
        store.reload([source("n"), source("q")])
    assert (store.names(), served(store)) == (["m"], 1)


def test_a_base_folder_with_an_impossible_name_is_refused_like_a_missing_one(started, source, tmp_path):
    store = started()
    with pytest.raises(StatusError, match="INVALID_ARGUMENT: Could not find base path"):
        store.reload([source(versions=[1]), ModelSource("q", tmp_path / ("q" * 300))])
    assert (store.names(), served(store)) == (["m"], 1)


def test_a_known_model_whose_base_folder_is_missing_stays(started, source, tmp_path):
    store = started()
    shutil.rmtree(tmp_path / "m")
    store.reload([source(versions=[1])])
    assert served(store) == 1


def test_waiting_for_a_first_version_ends_with_the_caller_and_with_another_reload(started, source, tmp_path):
    store = started()
    (tmp_path / "q").mkdir()
    with pytest.raises(StatusError, match=r"UNKNOWN: 1 model.* No versions of servable q found"):
        store.reload([source("q")], gave_up=lambda: True)
    store.reload([source(versions=[1])])
    errors = []

    def wait():
        try:
            store.reload([source("q")])
        except StatusError as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: store.names() == ["q"])
    store.reload([source("n")])
    waiting.join(10)
    assert "another configuration leaves it out" in errors[0].message
    assert served(store, "n") == 3


class TestLabels:
    REFUSED = (
        "FAILED_PRECONDITION: Request to assign label to version {} of model m, "
        "which is not currently available for inference"
    )

    def refused(self, store, version, *sources):
        with pytest.raises(StatusError) as caught:
            store.reload(sources)
        assert str(caught.value) == self.REFUSED.format(version)

    def test_a_label_needs_a_version_that_is_available_now(self, started, source):
        store = started()
        self.refused(store, 2, source("n"), source(versions=[1, 2], labels={"canary": 2, "stable": 1}))
        assert (store.names(), states(store)) == (["m"], [(1, "AVAILABLE")])
        with pytest.raises(StatusError, match="INVALID_ARGUMENT: Unrecognized servable version label: stable"):
            served(store, label="stable")
        store.reload([source(versions=[1, 2])])
        until(lambda: states(store) == [(2, "AVAILABLE"), (1, "AVAILABLE")])
        store.reload([source(versions=[1, 2], labels={"canary": 2, "stable": 1, "old": 1})])
        assert [served(store, label=label) for label in ("canary", "stable", "old")] == [2, 1, 1]

    def test_each_reload_replaces_all_labels(self, started, source):
        store = started()
        store.reload([source(versions=[1], labels={"stable": 1})])
        assert served(store, label="stable") == 1
        store.reload([source(versions=[1])])
        with pytest.raises(StatusError, match="Unrecognized servable version label: stable"):
            served(store, label="stable")

    def test_a_label_whose_version_has_gone(self, started, source, tmp_path):
        store = started()
        store.reload([source(versions=[1], labels={"stable": 1})])
        shutil.rmtree(tmp_path / "m/1")
        until(lambda: states(store) == [(1, "END")])
        with pytest.raises(StatusError, match=r"NOT_FOUND: Servable not found for request: Specific\(m, 1\)"):
            served(store, label="stable")

    def test_new_labels_may_be_early_where_that_is_allowed_but_old_ones_do_not_move_there(self, started, source):
        store = started(labels_for_unavailable=True)
        store.reload([source(versions=[1], labels={"canary": 9})])
        store.reload([source(versions=[1], labels={"canary": 9, "stable": 1})])
        self.refused(store, 8, source(versions=[1], labels={"canary": 8}))
        self.refused(store, 9, source(versions=[1], labels={"canary": 9, "stable": 9}))
        store.reload([source(versions=[1], labels={"canary": 1})])
        assert served(store, label="canary") == 1

    def test_a_model_that_was_left_out_has_no_labels(self, started, source):
        store = started()
        store.reload([source(versions=[1], labels={"stable": 1})])
        store.reload([])
        with pytest.raises(StatusError, match="Unrecognized servable version label: stable"):
            served(store, label="stable")


def config_text(base, *names):
    listed = " ".join(f'config {{ name: "{n}" base_path: "{base / n}" model_platform: "tensorflow" }}' for n in names)
    return f"model_config_list {{ {listed} }}"


class Ended(Exception):
    """What a call's abort raises."""


class Context:
    """The part of a gRPC call's context that the service uses."""

    def __init__(self):
        self.ended = None

    def is_active(self):
        return True

    def abort(self, code, text):
        self.ended = code, text
        raise Ended


class TestService:
    @pytest.fixture
    def called(self, started):
        """Calls a service; gives the reply or (code, text), and what else is needed."""
        store, metrics = started(), Metrics()
        service = ModelService(store, metrics)

        def call(text):
            request = text_format.Parse(text, model_management_pb2.ReloadConfigRequest())
            context = Context()
            try:
                return service.HandleReloadConfigRequest(request, context)
            except Ended:
                return context.ended

        return SimpleNamespace(call=call, store=store, metrics=metrics)

    def test_the_reply(self, called, tmp_path):
        called.metrics.count(REQUEST_COUNT, ("m", "OK"))
        names = f'metric_names: "{REQUEST_COUNT.name}" metric_names: "/tensorflow/serving/none"'
        reply = called.call(f"config {{ {config_text(tmp_path, 'n')} }} {names}")
        assert reply.status.error_code == 0
        assert [(metric.name, metric.int64_value_increase) for metric in reply.metric] == [
            ("/tensorflow/serving/request_count", 0),
            ("/tensorflow/serving/none", 0),
        ]
        assert called.store.names() == ["n"]

    @pytest.mark.parametrize("text", ["", "config {}", "config { custom_model_config {} }"])
    def test_a_message_without_a_list(self, called, text):
        assert called.call(text) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported",
        )

    def test_a_refused_list(self, called, tmp_path):
        code, text = called.call(f"config {{ {config_text(tmp_path, 'n', 'n')} }}")
        assert (code, text) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "Illegal to list model n multiple times in config list",
        )
        assert called.store.names() == ["m"]

    def test_an_empty_list_unloads_everything(self, called):
        assert called.call("config { model_config_list {} }").status.error_code == 0
        assert called.store.names() == []


def test_the_configuration_file_is_taken_up_again(started, tmp_path, caplog):
    store, path = started(), tmp_path / "models.config"
    path.write_text(config_text(tmp_path, "m"))
    watch = ConfigFileWatch(path, store, 0.02)
    watch.start()
    until(lambda: states(store) == [(2, "AVAILABLE"), (1, "END")])
    path.write_text("no configuration")
    until(lambda: "is not taken up: INVALID_ARGUMENT: Invalid protobuf file" in caplog.text)
    assert served(store) == 2
    path.write_text(config_text(tmp_path, "n", "q"))
    until(lambda: "Could not find base path" in caplog.text)
    assert served(store) == 2
    (tmp_path / "q").mkdir()
    until(lambda: store.names() == ["n", "q"])
    until(lambda: states(store, "n") == [(3, "AVAILABLE")])
    watch.stop()
    assert caplog.text.count("Could not find base path") == 1
