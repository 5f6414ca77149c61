"""Taking up, swapping and dropping versions, with stand-ins for the loaded models."""

import gc
import shutil
import threading
import time
import weakref

import pytest
from stand_in_models import StandIn, publish, served, states, until

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.model_folders import ModelSource, all_versions, latest_versions, specific_versions
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.served_model import State
from tfiqa.serving.server.status import Code, StatusError


@pytest.fixture
def base(tmp_path):
    publish(tmp_path / "m", 1)
    return tmp_path / "m"


@pytest.fixture
def started():
    """Makes and starts a store that looks every 10 ms; stops it at the end."""
    stores = []

    def start(base, policy=None, **settings):
        settings = {"poll_seconds": 0.01, "load_retries": 0, "load": StandIn, **settings}
        stores.append(ModelStore([ModelSource("m", base, policy or latest_versions())], **settings))
        stores[-1].start()
        return stores[-1]

    yield start
    for store in stores:
        store.stop()


def test_a_new_version_replaces_the_old_one(base, started):
    store = started(base)
    assert served(store) == 1
    publish(base, 2)
    until(lambda: states(store) == [(2, "AVAILABLE"), (1, "END")])
    assert served(store) == 2
    with pytest.raises(StatusError, match=r"NOT_FOUND: Servable not found for request: Specific\(m, 1\)"):
        served(store, version=1)


def test_a_running_request_keeps_its_version(base, started):
    store = started(base)
    with store.borrow("m") as (version, model):
        publish(base, 2)
        until(lambda: states(store) == [(2, "AVAILABLE"), (1, "UNLOADING")])
        assert served(store) == 2
        assert version == 1
        assert model.open
    assert not model.open
    assert states(store) == [(2, "AVAILABLE"), (1, "END")]


def test_deleting_the_newest_version_rolls_back_and_deleting_all_unloads(base, started):
    publish(base, 2)
    store = started(base)
    assert served(store) == 2
    shutil.rmtree(base / "2")
    until(lambda: states(store) == [(2, "END"), (1, "AVAILABLE")])
    assert served(store) == 1
    shutil.rmtree(base / "1")
    until(lambda: states(store) == [(2, "END"), (1, "END")])
    with pytest.raises(StatusError, match=r"Latest\(m\)"):
        served(store)


def test_a_broken_version_leaves_the_old_one_serving_and_is_not_tried_again(base, started):
    store = started(base)
    publish(base, 2, "broken")
    until(lambda: states(store) == [(2, "END"), (1, "AVAILABLE")])
    loads = StandIn.loads
    time.sleep(0.1)
    assert StandIn.loads == loads
    assert served(store) == 1
    status = store.statuses("m", 2)[0]
    assert (status.error.code, status.error.message) == (Code.DATA_LOSS, "it is broken")
    shutil.rmtree(base / "2")
    time.sleep(0.05)
    publish(base, 2)
    until(lambda: states(store) == [(2, "AVAILABLE"), (1, "END")])
    assert store.statuses("m", 2)[0].error is None


def test_a_model_that_is_refused_after_its_load_is_not_kept(base, started):
    refused = []

    def load(folder):
        model = StandIn(folder)
        if folder.name == "2":
            refused.append(weakref.ref(model))
            raise StatusError(Code.INTERNAL, "a warm-up request failed")
        return model

    store = started(base, load=load)
    publish(base, 2)
    until(lambda: states(store) == [(2, "END"), (1, "AVAILABLE")])
    gc.collect()
    assert [model() for model in refused] == [None]


def test_a_failed_load_is_tried_again(base, started):
    store = started(base, load_retries=1000, load_retry_seconds=0.01)
    publish(base, 2, "broken")
    until(lambda: states(store) == [(2, "LOADING"), (1, "AVAILABLE")])
    (base / "2" / "broken").unlink()
    until(lambda: states(store) == [(2, "AVAILABLE"), (1, "END")])


def test_a_missing_base_folder_changes_nothing(base, started, caplog):
    store = started(base)
    base.rename(base.parent / "away")
    until(lambda: "keeping what is loaded" in caplog.text)
    assert served(store) == 1
    (base.parent / "away").rename(base)
    publish(base, 2)
    until(lambda: served(store) == 2)
    assert caplog.text.count("keeping what is loaded") == 1


def test_all_versions_and_labels(base, started):
    publish(base, 2)
    source = ModelSource("m", base, all_versions(), {"stable": 1, "gone": 7})
    store = ModelStore([source], poll_seconds=0, labels_for_unavailable=True, load=StandIn)
    store.start()
    assert states(store) == [(2, "AVAILABLE"), (1, "AVAILABLE")]
    assert (served(store), served(store, version=1), served(store, label="stable")) == (2, 1, 1)
    with pytest.raises(StatusError, match=r"NOT_FOUND: .*Specific\(m, 7\)"):
        served(store, label="gone")
    with pytest.raises(StatusError, match="INVALID_ARGUMENT: Unrecognized servable version label: nope"):
        served(store, label="nope")
    store.stop()
    assert states(store) == [(2, "END"), (1, "END")]


def test_unknown_names(base, started):
    store = started(base)
    with pytest.raises(StatusError, match=r"NOT_FOUND: Servable not found for request: Latest\(n\)"), store.borrow("n"):
        pass
    with pytest.raises(StatusError, match="NOT_FOUND: Could not find any versions of model n"):
        store.statuses("n")
    with pytest.raises(StatusError, match="NOT_FOUND: Could not find version 5 of model m"):
        store.statuses("m", 5)


@pytest.mark.parametrize(("poll_seconds", "versions"), [(0, [(1, State.AVAILABLE)]), (-1, [])])
def test_looking_once_or_never(base, started, poll_seconds, versions):
    store = started(base, poll_seconds=poll_seconds)
    publish(base, 2)
    time.sleep(0.1)
    try:
        found = [(status.version, status.state) for status in store.statuses("m")]
    except StatusError:
        found = []
    assert found == versions


def test_a_model_that_fails_for_good_ends_the_start(base, tmp_path):
    publish(tmp_path / "n", 4, "broken")
    sources = [ModelSource(name, tmp_path / name) for name in ("m", "n")]
    store = ModelStore(sources, load_retries=1, load_retry_seconds=0.01, load=StandIn)
    with pytest.raises(ServerStartError) as caught:
        store.start()
    assert str(caught.value) == (
        "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: "
        "{{{name: n version: 4} due to error: DATA_LOSS: it is broken}, }"
    )
    assert store.statuses("m")[0].state is State.END


def test_a_base_folder_that_is_missing_at_the_start(tmp_path):
    with pytest.raises(
        ServerStartError, match=f"INVALID_ARGUMENT: Could not find base path {tmp_path}/m for servable m"
    ):
        ModelStore([ModelSource("m", tmp_path / "m")], load=StandIn).start()


def test_a_slow_load_holds_up_nobody_else(base, tmp_path, monkeypatch):
    monkeypatch.setattr(StandIn, "go", threading.Event())
    publish(tmp_path / "n", 1)
    publish(tmp_path / "n", 2)
    store = ModelStore(
        [ModelSource(name, tmp_path / name) for name in ("m", "n")], poll_seconds=0.01, load_retries=0, load=StandIn
    )
    store.start()
    publish(base, 2, "slow")
    until(lambda: states(store) == [(2, "LOADING"), (1, "AVAILABLE")])
    shutil.rmtree(tmp_path / "n/2")
    until(lambda: states(store, "n") == [(2, "END"), (1, "AVAILABLE")])
    assert served(store) == 1
    store.stop()
    assert states(store) == [(2, "LOADING"), (1, "END")]
    StandIn.go.set()
    until(lambda: states(store) == [(2, "END"), (1, "END")])


def test_a_version_that_goes_while_it_loads(base, started, monkeypatch):
    monkeypatch.setattr(StandIn, "go", threading.Event())
    store = started(base)
    publish(base, 2, "slow")
    until(lambda: states(store) == [(2, "LOADING"), (1, "AVAILABLE")])
    shutil.rmtree(base / "2")
    time.sleep(0.1)  # for some looks
    StandIn.go.set()
    until(lambda: states(store) == [(2, "END"), (1, "AVAILABLE")])
    assert served(store) == 1


def test_a_load_that_raises_anything_leaves_the_server_alive(base, started, caplog):
    def load(folder):
        if folder.name == "2":
            raise MemoryError("no room")
        return StandIn(folder)

    store = started(base, load=load)
    publish(base, 2)
    until(lambda: states(store) == [(2, "END"), (1, "AVAILABLE")])
    assert str(store.statuses("m", 2)[0].error) == "UNKNOWN: MemoryError: no room"


def test_the_start_waits_for_a_first_version(tmp_path, caplog):
    (tmp_path / "m").mkdir()
    store = ModelStore([ModelSource("m", tmp_path / "m")], poll_seconds=0.01, load=StandIn)
    starting = threading.Thread(target=store.start)
    starting.start()
    until(lambda: f"No versions of servable m found under base path {tmp_path}/m" in caplog.text)
    assert starting.is_alive()
    publish(tmp_path / "m", 1)
    starting.join(10)
    assert served(store) == 1
    store.stop()
    assert caplog.text.count("No versions of servable") == 1


def test_a_start_that_looks_once_does_not_wait_for_a_first_version(tmp_path):
    (tmp_path / "m").mkdir()
    with pytest.raises(ServerStartError, match=r"1 servable\(s\) did not .*No versions of servable m found"):
        ModelStore([ModelSource("m", tmp_path / "m")], poll_seconds=0, load=StandIn).start()


def test_one_available_version_is_enough_to_start(base):
    publish(base, 2, "broken")
    store = ModelStore([ModelSource("m", base, all_versions())], load_retry_seconds=1000, load=StandIn)
    store.start()
    assert states(store) == [(2, "LOADING"), (1, "AVAILABLE")]
    store.stop()


def test_missing_specific_versions_are_told_once(base, caplog):
    source = ModelSource("m", base, specific_versions([1, 9]))
    store = ModelStore([source], poll_seconds=0.01, load=StandIn)
    store.start()
    time.sleep(0.1)
    store.stop()
    assert caplog.text.count("version 9 of m, which is to be served, is not in") == 1


def test_labels_at_the_start_need_an_available_version(base):
    source = ModelSource("m", base, labels={"stable": 1})
    with pytest.raises(ServerStartError) as caught:
        ModelStore([source], load=StandIn).start()
    assert str(caught.value) == (
        "Failed to start server. Error: FAILED_PRECONDITION: Request to assign label to version 1 of model m, "
        "which is not currently available for inference"
    )
