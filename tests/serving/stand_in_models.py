"""Stand-ins for loaded models, and the version folders they are made of."""

import threading
import time

from tfiqa.serving.server.status import Code, StatusError


class StandIn:
    """A model that is its folder's name; one with a file `broken` does not load, one with a file `slow` waits for `go`."""

    loads = 0
    go = threading.Event()

    def __init__(self, folder):
        type(self).loads += 1
        if (folder / "slow").exists():
            assert self.go.wait(20)
        if (folder / "broken").exists():
            raise StatusError(Code.DATA_LOSS, "it is broken")
        self.name, self.open = folder.name, True

    def close(self):
        self.open = False


def publish(base, version, *files):
    """Makes a version folder, with empty files in it, in one step."""
    folder = base.parent / "incoming"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).touch()
    base.mkdir(exist_ok=True)
    folder.rename(base / str(version))


def states(store, name="m"):
    """Versions and their states, newest first; none while the store has not looked for them yet."""
    try:
        return [(status.version, status.state.value) for status in store.statuses(name)]
    except StatusError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return []


def until(condition, limit=10.0):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def served(store, name="m", **which):
    """The version that answers."""
    with store.borrow(name, **which) as (version, model):
        assert model.open
        assert int(model.name) == version
        return version
