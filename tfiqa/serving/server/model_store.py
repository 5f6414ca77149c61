"""The models being served: which versions are loaded, and taking up new ones while old ones serve.

A thread looks at the base folders every so often. A wanted version is loaded before an unwanted one goes, a version
goes only when no request uses it, and one that does not load leaves the others serving.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.loaded_model import LoadedModel
from tfiqa.serving.server.model_folders import ModelSource, version_folders
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

logger = logging.getLogger(__name__)

# TensorFlow Serving's defaults: --file_system_poll_wait_seconds, --max_num_load_retries, --load_retry_interval_micros.
POLL_SECONDS: Final = 1.0
LOAD_RETRIES: Final = 5
LOAD_RETRY_SECONDS: Final = 60.0


class State(Enum):
    """The life of a version, in order."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True)
class VersionStatus:
    """A version's state; `error` says why it ended, or why its last load failed."""

    version: int
    state: State
    error: StatusError | None


@dataclass
class _Version:
    number: int
    state: State = State.START
    error: StatusError | None = None
    model: LoadedModel | None = None
    users: int = 0
    failures: int = 0
    next_try: float = 0.0


@dataclass
class _Served:
    """A model: what is wanted, and what became of it."""

    source: ModelSource
    wanted: dict[int, Path] = field(default_factory=dict)
    versions: dict[int, _Version] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)  # failed for good; not tried again while they stay wanted

    def in_state(self, state: State) -> list[_Version]:
        """The versions in a state, lowest first."""
        return [self.versions[number] for number in sorted(self.versions) if self.versions[number].state is state]


class ModelStore:
    """Loads, swaps and lends models.

    Args:
        sources: the models; names must differ.
        poll_seconds: time between looks at the base folders; 0 looks once, a negative value never.
        load_retries: how often a failed load is tried again.
        load_retry_seconds: time between these tries.
        load: makes a model of a version folder; raises StatusError.
    """

    def __init__(
        self,
        sources: Iterable[ModelSource],
        *,
        poll_seconds: float = POLL_SECONDS,
        load_retries: int = LOAD_RETRIES,
        load_retry_seconds: float = LOAD_RETRY_SECONDS,
        load: Callable[[Path], LoadedModel] = LoadedModel,
    ) -> None:
        self._served = {source.name: _Served(source) for source in sources}
        self._poll_seconds = poll_seconds
        self._load_retries = load_retries
        self._load_retry_seconds = load_retry_seconds
        self._load_model = load
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._manage, name="tfiqa-models", daemon=True)

    def start(self) -> None:
        """Loads every model and starts looking for new versions.

        Returns when every model has an available version.

        Raises:
            ServerStartError: a base folder is missing, or a model failed for good.
        """
        if self._poll_seconds >= 0:
            try:
                self._first_look()
            except ServerStartError:
                self.stop()
                raise
        self._thread.start()

    def stop(self) -> None:
        """Ends the looking and unloads every version that no request uses; the others go with their last request."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            for served in self._served.values():
                for version in served.in_state(State.AVAILABLE):
                    self._unload(served, version)

    def names(self) -> list[str]:
        """The names of the models, in the order given."""
        return list(self._served)

    @contextmanager
    def borrow(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[tuple[int, LoadedModel]]:
        """Lends a version of a model, which stays loaded inside the block.

        Args:
            name: the model.
            version: its number; without number and label, the highest loaded one.
            label: the label of a version, instead of its number.

        Returns:
            The version's number and the model.

        Raises:
            StatusError: NOT_FOUND when it is not available, INVALID_ARGUMENT for an unknown label.
        """
        with self._lock:
            found = self._find(name, version, label)
            found.users += 1
            assert found.model is not None
        try:
            yield found.number, found.model
        finally:
            with self._lock:
                found.users -= 1
                self._free(name, found)

    def statuses(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """The states of a model's versions, newest first, or of one version.

        Ended versions stay listed. Raises StatusError (NOT_FOUND) when there is none.
        """
        with self._lock:
            versions = self._served[name].versions if name in self._served else {}
            chosen = (
                sorted(versions, reverse=True)
                if version is None
                else [number for number in versions if number == version]
            )
            if not chosen:
                what = "any versions" if version is None else f"version {version}"
                raise StatusError(Code.NOT_FOUND, f"Could not find {what} of model {name}")
            return [VersionStatus(number, versions[number].state, versions[number].error) for number in chosen]

    def _find(self, name: str, version: int | None, label: str | None) -> _Version:
        served = self._served.get(name)
        if label is not None:
            labels = served.source.labels if served is not None else {}
            if label not in labels:
                raise invalid_argument(f"Unrecognized servable version label: {label}")
            version = labels[label]
        ready = {found.number: found for found in served.in_state(State.AVAILABLE)} if served is not None else {}
        number = max(ready, default=None) if version is None else version
        if number not in ready:
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise StatusError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        return ready[number]

    def _first_look(self) -> None:
        try:
            self._look()
        except OSError as error:
            raise ServerStartError(f"cannot look into {error.filename}: {error.strerror}") from error
        while (next_try := self._advance()) is not None:
            self._stopping.wait(max(0.0, next_try - time.monotonic()))
        failed = [
            f"{{{{name: {name} version: {version.number}}} due to error: {version.error}}}, "
            for name, served in self._served.items()
            if served.wanted and not served.in_state(State.AVAILABLE)
            for version in served.versions.values()
        ]
        if failed:
            raise ServerStartError(f"{len(failed)} servable(s) did not become available: {{{''.join(failed)}}}")

    def _manage(self) -> None:
        """The thread: looks, loads and unloads until stopped."""
        next_look = time.monotonic() + self._poll_seconds if self._poll_seconds > 0 else None
        complaint = None
        while not self._stopping.is_set():
            next_try = self._advance()
            due = [moment for moment in (next_look, next_try) if moment is not None]
            self._stopping.wait(max(0.0, min(due) - time.monotonic()) if due else None)
            if next_look is None or time.monotonic() < next_look:
                continue
            next_look = time.monotonic() + self._poll_seconds
            try:
                self._look()
                complaint = None
            except OSError as error:  # as long as a base folder is missing nothing changes, for any model
                if str(error) != complaint:
                    logger.warning("cannot look into %s: %s; keeping what is loaded", error.filename, error.strerror)
                complaint = str(error)

    def _look(self) -> None:
        """Reads from disk which versions are wanted. Raises OSError, and changes nothing, if one cannot be read."""
        found = {name: version_folders(served.source.base_path) for name, served in self._served.items()}
        for name, served in self._served.items():
            chosen = served.source.policy(found[name])
            served.wanted = {number: found[name][number] for number in chosen}
            served.given_up &= chosen

    def _advance(self) -> float | None:
        """Loads what is wanted and unloads what may go; returns when a failed load is due to be tried again."""
        retries = []
        for served in self._served.values():
            for number in sorted(served.wanted, reverse=True):
                version = self._due(served, number)
                if version is not None and not self._stopping.is_set():
                    self._load(served, version)
            with self._lock:
                self._unload_unwanted(served)
                retries += [version.next_try for version in served.in_state(State.LOADING)]
        return min(retries, default=None)

    def _due(self, served: _Served, number: int) -> _Version | None:
        """The version's record if it is to be loaded now."""
        with self._lock:
            version = served.versions.get(number)
            if version is None or (version.state is State.END and number not in served.given_up):
                version = served.versions[number] = _Version(number)
        if version.state is State.START:
            return version
        return version if version.state is State.LOADING and time.monotonic() >= version.next_try else None

    def _load(self, served: _Served, version: _Version) -> None:
        name, tries = served.source.name, self._load_retries + 1
        version.state = State.LOADING
        try:
            model = self._load_model(served.wanted[version.number])
        except StatusError as error:
            version.error, version.failures = error, version.failures + 1
            logger.warning(
                "cannot load %s version %d (try %d of %d): %s", name, version.number, version.failures, tries, error
            )
            version.next_try = time.monotonic() + self._load_retry_seconds
            if version.failures == tries:
                version.state = State.END
                served.given_up.add(version.number)
            return
        with self._lock:
            version.model, version.error, version.state = model, None, State.AVAILABLE
        logger.info("%s version %d is available", name, version.number)

    def _unload_unwanted(self, served: _Served) -> None:
        for version in served.in_state(State.LOADING):
            if version.number not in served.wanted:
                version.state = State.END
        ready = served.in_state(State.AVAILABLE)
        unwanted = [version for version in ready if version.number not in served.wanted]
        replaced = len(unwanted) < len(ready) or not served.wanted
        for version in unwanted if replaced else unwanted[:-1]:
            self._unload(served, version)

    def _unload(self, served: _Served, version: _Version) -> None:
        version.state = State.UNLOADING
        self._free(served.source.name, version)

    def _free(self, name: str, version: _Version) -> None:
        """Frees an unloading version that nobody uses any more."""
        if version.state is not State.UNLOADING or version.users:
            return
        assert version.model is not None
        version.model.close()
        version.model, version.state = None, State.END
        logger.info("%s version %d is unloaded", name, version.number)
