"""The models being served: which versions are loaded, and taking up new ones while old ones serve.

A thread looks at the base folders every so often. A wanted version is loaded, in a thread of its own, before an unwanted one
goes, a version goes only when no request uses it, and one that does not load leaves the others serving.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tfiqa.serving.server.loaded_model import LoadedModel
from tfiqa.serving.server.model_folders import FolderWatch, ModelSource
from tfiqa.serving.server.served_model import ServedModel, State, Version, VersionStatus
from tfiqa.serving.server.status import Code, StatusError, invalid_argument, start_error

logger = logging.getLogger(__name__)

# TensorFlow Serving's defaults: --file_system_poll_wait_seconds, --max_num_load_retries, --load_retry_interval_micros.
POLL_SECONDS: Final = 1.0
LOAD_RETRIES: Final = 5
LOAD_RETRY_SECONDS: Final = 60.0
MAX_LOADS: Final = 4  # at a time, of different models
STOP_SECONDS: Final = 2.0  # for loads under way when the store is stopped; one that takes longer is left alone


class ModelStore:
    """Loads, swaps and lends models; may be used from many threads at once.

    Args:
        sources: the models; names must differ.
        poll_seconds: time between looks at the base folders; 0 looks once, a negative value never.
        load_retries: how often a failed load is tried again.
        load_retry_seconds: time between these tries.
        labels_for_unavailable: whether a new label may name a version that is not loaded.
        load: makes a model of a version folder; raises StatusError.
    """

    def __init__(
        self,
        sources: Iterable[ModelSource],
        *,
        poll_seconds: float = POLL_SECONDS,
        load_retries: int = LOAD_RETRIES,
        load_retry_seconds: float = LOAD_RETRY_SECONDS,
        labels_for_unavailable: bool = False,
        load: Callable[[Path], LoadedModel] = LoadedModel,
    ) -> None:
        self._first = list(sources)
        self._sources: list[ModelSource] = []
        self._served: dict[str, ServedModel] = {}
        self._poll_seconds = poll_seconds
        self._load_retries = load_retries
        self._load_retry_seconds = load_retry_seconds
        self._labels_for_unavailable = labels_for_unavailable
        self._load_model = load
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._awake = False  # whether something has changed since the managing thread last looked
        self._look_due = False
        self._loads = 0
        self._stopping = False
        self._watch = FolderWatch()
        self._thread = threading.Thread(target=self._manage, name="tfiqa-models", daemon=True)

    def start(self) -> None:
        """Loads every model and starts looking for new versions.

        Returns when every model has an available version and every other wanted version has been tried once.

        Raises:
            ServerStartError: a base folder is missing, a label names a version that is not loaded, or a model failed for good.
        """
        try:
            new = self._configure(self._first)
            self._look_due = self._poll_seconds >= 0
            self._thread.start()
            if self._poll_seconds >= 0:
                self._await(new, "servable(s)", lambda: False)
        except StatusError as error:
            self.stop()
            raise start_error(error) from error

    def reload(self, sources: Collection[ModelSource], gave_up: Callable[[], bool] | None = lambda: False) -> None:
        """Serves these models instead; those left out are unloaded.

        Labels are checked before anything is loaded. New versions of models that were served already are not awaited.

        Args:
            sources: the models; names must differ.
            gave_up: whether the caller no longer waits, asked every second; None is a caller that does not wait at all.

        Raises:
            StatusError: the models are refused, and nothing has changed; or (UNKNOWN) they are accepted, but a new one has no
                available version.
        """
        new = self._configure(sources)
        with self._changed:
            self._look_due = True
            self._wake()
        if gave_up is not None:
            self._await(new, "model(s)", gave_up)

    def stop(self) -> None:
        """Ends the looking and unloads every version that no request uses; the others go with their last request."""
        with self._changed:
            self._stopping = True
            self._wake()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)  # a disk may not answer
        with self._changed:
            self._changed.wait_for(lambda: not self._loads, STOP_SECONDS)
            gone = [
                (served, served.unload(number)) for served in self._served.values() for number in list(served.ready)
            ]
        self._free(gone)

    def names(self) -> list[str]:
        """The names of the models, in the order given."""
        with self._lock:
            return [source.name for source in self._sources]

    def labels(self, name: str) -> Mapping[str, int]:
        """The version labels of a model, as the configuration has them."""
        with self._lock:
            served = self._served.get(name)
            return {} if served is None or not served.configured else dict(served.source.labels)

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
            model = found.model
        assert model is not None
        try:
            yield found.number, model
        finally:
            with self._lock:
                found.users -= 1
            if found.state is State.UNLOADING:
                self._free([(self._served[name], found)])

    def statuses(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """The states of a model's versions, newest first, or of one version.

        Ended versions stay listed. Raises StatusError (NOT_FOUND) when there is none.
        """
        with self._lock:
            found = self._served[name].statuses(version) if name in self._served else []
        if not found:
            what = "any versions" if version is None else f"version {version}"
            raise StatusError(Code.NOT_FOUND, f"Could not find {what} of model {name}")
        return found

    def _find(self, name: str, version: int | None, label: str | None) -> Version:
        served = self._served.get(name)
        if label is not None:
            labels = served.source.labels if served is not None and served.configured else {}
            if label not in labels:
                raise invalid_argument(f"Unrecognized servable version label: {label}")
            version = labels[label]
        ready = {} if served is None else served.ready
        number = max(ready, default=None) if version is None else version
        if number not in ready:
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise StatusError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        return ready[number]

    def _configure(self, sources: Collection[ModelSource]) -> list[ServedModel]:
        """Takes the models as those to be served; returns the new ones. Raises StatusError, and changes nothing."""
        served_already = self.names()
        for source in sources:  # outside the lock, since a disk may take its time
            if source.name not in served_already:
                source.check_base_path()
        with self._changed:
            models = [self._served.get(source.name) or ServedModel(source, configured=False) for source in sources]
            for served, source in zip(models, sources, strict=True):
                served.check_labels(source, for_unavailable=self._labels_for_unavailable)
            new = [served for served in models if not served.configured]
            for served, source in zip(models, sources, strict=True):
                self._served[source.name] = served
                served.configure(source)
            for name in self._served.keys() - {source.name for source in sources}:
                self._served[name].drop()
            self._sources = list(sources)
            return new

    def _await(self, models: Collection[ServedModel], what: str, gave_up: Callable[[], bool]) -> None:
        """Returns when each model has an available version. Raises StatusError (UNKNOWN) when one will not have one."""
        final = self._poll_seconds <= 0
        with self._changed:
            while not (self._stopping or gave_up() or all(served.settled(final=final) for served in models)):
                self._changed.wait(1.0)
            failures = [failure for served in models if (failure := served.failure()) is not None]
        if failures:
            raise StatusError(Code.UNKNOWN, f"{len(failures)} {what} did not become available: {{{''.join(failures)}}}")

    def _manage(self) -> None:
        """The thread: looks, starts loads and unloads until stopped."""
        next_look = time.monotonic() + self._poll_seconds if self._poll_seconds > 0 else None
        while True:
            with self._changed:
                tries = [served.next_try() for served in self._served.values() if self._loads < MAX_LOADS]
                moments = [moment for moment in (next_look, *tries) if moment is not None]
                if not self._awake and not self._look_due:
                    self._changed.wait(max(0.0, min(moments) - time.monotonic()) if moments else None)
                if self._stopping:
                    return
                self._awake = False
                look = self._look_due or (next_look is not None and time.monotonic() >= next_look)
                self._look_due = False
            if look:
                self._look()
                next_look = time.monotonic() + self._poll_seconds if self._poll_seconds > 0 else None
            self._advance()

    def _look(self) -> None:
        """Reads from disk which versions are wanted. Changes nothing if one base folder cannot be read."""
        with self._lock:
            sources = self._sources
        found = self._watch.look(sources)
        with self._changed:
            if found is not None and sources is self._sources:  # else a reload came in between, and another look is due
                for name, folders in found.items():
                    self._served[name].look(folders, self._watch.warn)
            self._wake()

    def _advance(self) -> None:
        """Starts the loads that are due and unloads what may go."""
        with self._changed:
            for served in self._served.values():
                if self._loads < MAX_LOADS and (version := served.next_load(time.monotonic())) is not None:
                    self._loads += 1
                    folder = served.wanted[version.number]
                    threading.Thread(
                        target=self._load, args=(served, version, folder), name="tfiqa-load", daemon=True
                    ).start()
            gone = [(served, version) for served in self._served.values() for version in served.unload_unwanted()]
        self._free(gone)

    def _load(self, served: ServedModel, version: Version, folder: Path) -> None:
        """A load's thread."""
        what, tries = f"{served.source.name} version {version.number}", self._load_retries + 1
        result = self._loaded(folder)
        gone = []
        with self._changed:
            self._loads -= 1
            if isinstance(result, StatusError):
                served.load_failed(version, result, tries=tries, next_try=time.monotonic() + self._load_retry_seconds)
                logger.warning("cannot load %s (try %d of %d): %s", what, version.failures, tries, result)
            else:
                served.loaded(version, result)
                logger.info("%s is available", what)
                if self._stopping:
                    gone.append((served, served.unload(version.number)))
            self._wake()
        self._free(gone)

    def _loaded(self, folder: Path) -> LoadedModel | StatusError:
        """The model, or why it does not load: an error of its own, without a traceback, whose frames would hold the model."""
        try:
            return self._load_model(folder)
        except StatusError as error:
            return StatusError(error.code, error.message)
        except Exception as error:  # a server of sound models outlives any load
            logger.exception("failed to load %s", folder)
            return StatusError(Code.UNKNOWN, f"{type(error).__name__}: {error}")

    def _free(self, gone: Iterable[tuple[ServedModel, Version]]) -> None:
        """Frees unloading versions that nobody uses any more."""
        for served, version in gone:
            with self._lock:  # whoever takes the model out closes it, outside the lock, since that may take long
                model = version.model if not version.users else None
                if model is None:
                    continue
                version.model = None
            model.close()
            with self._changed:
                version.state = State.END
                self._wake()
            logger.info("%s version %d is unloaded", served.source.name, version.number)

    def _wake(self) -> None:
        """Has the managing thread and those that wait look again; the lock must be held."""
        self._awake = True
        self._changed.notify_all()
