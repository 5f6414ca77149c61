"""Taking up, swapping and dropping versions, with stand-ins for the loaded models."""

import shutil
import time

import pytest

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.model_folders import ModelSource, all_versions, latest_versions
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.served_model import State
from tfiqa.serving.server.status import Code, StatusError


class StandIn:
    """A model that is its folder's name; one with a file `broken` does not load."""

    loads = 0

    def __init__(self, folder):
        type(self).loads += 1
        if (folder / "broken").exists():
            raise StatusError(Code.DATA_LOSS, "it is broken")
        self.name, self.open = folder.name, True

    def close(self):
        self.open = False


@pytest.fixture
def base(tmp_path):
    publish(tmp_path / "m", 1)
    return tmp_path / "m"


def publish(base, version, broken=False):
    folder = base.parent / "incoming"
    folder.mkdir(parents=True)
    if broken:
        (folder / "broken").touch()
    base.mkdir(exist_ok=True)
    folder.rename(base / str(version))


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


def states(store):
    return [(status.version, status.state.value) for status in store.statuses("m")]


def until(condition, limit=5.0):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def served(store, **which):
    with store.borrow("m", **which) as (version, model):
        assert model.open
        assert int(model.name) == version
        return version


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
    publish(base, 2, broken=True)
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


def test_a_failed_load_is_tried_again(base, started):
    store = started(base, load_retries=1000, load_retry_seconds=0.01)
    publish(base, 2, broken=True)
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
    publish(tmp_path / "n", 4, broken=True)
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
