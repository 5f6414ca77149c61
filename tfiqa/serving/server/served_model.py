"""What is wanted of a model on disk and what became of it: the rules by which versions are loaded and unloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tfiqa.serving.server.loaded_model import LoadedModel
from tfiqa.serving.server.model_folders import ModelSource
from tfiqa.serving.server.status import Code, StatusError


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
class Version:
    """A version since it was first wanted.

    `error` says why it ended or why its last load failed; `users` counts the requests that hold its model; `busy` is set while a
    thread loads it; `next_try` is the moment, by `time.monotonic`, when a failed load is due again.
    """

    number: int
    state: State = State.START
    error: StatusError | None = None
    model: LoadedModel | None = None
    users: int = 0
    busy: bool = False
    failures: int = 0
    next_try: float = 0.0


@dataclass
class ServedModel:
    """A model's versions. Its owner makes sure that one thread at a time is in here.

    A name that has been dropped from the configuration keeps its record, since ended versions stay listed.
    """

    source: ModelSource
    configured: bool = True
    looked: bool = False  # whether `wanted` was read from disk for this source
    wanted: dict[int, Path] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    ready: dict[int, Version] = field(default_factory=dict)  # those that are AVAILABLE
    given_up: set[int] = field(default_factory=set)  # failed for good; not tried again while they stay wanted

    def configure(self, source: ModelSource) -> None:
        """Takes a new source, which is looked at afterwards; loaded versions stay until then."""
        if source.base_path != self.source.base_path:
            self.given_up.clear()
        self.looked = self.looked and self.configured and source.base_path == self.source.base_path
        self.source, self.configured = source, True

    def drop(self) -> None:
        """The model is no longer to be served."""
        self.configured = self.looked = False
        self._want({})

    def look(self, folders: Mapping[int, Path], warn: Callable[[str], None]) -> None:
        """Takes up which versions are on disk; `warn` is told of those that should be."""
        chosen = self.source.policy(folders)
        for number in sorted(self.source.policy.named - chosen):
            warn(f"version {number} of {self.source.name}, which is to be served, is not in {self.source.base_path}")
        if not chosen:
            warn(f"{_nothing_found(self.source)}; version folders have names such as 1")
        self.looked = True
        self._want({number: folders[number] for number in chosen})

    def next_load(self, now: float) -> Version | None:
        """The version to load next, the highest first, one at a time; it is then LOADING and busy."""
        if any(version.busy for version in self.versions.values()):
            return None
        for number in sorted(self.wanted, reverse=True):
            version = self.versions[number]
            if version.state is State.END and number not in self.given_up:  # it had been unloaded
                version = self.versions[number] = Version(number)
            if version.state is State.START or (version.state is State.LOADING and now >= version.next_try):
                version.state, version.busy = State.LOADING, True
                return version
        return None

    def loaded(self, version: Version, model: LoadedModel) -> None:
        """A load has succeeded."""
        version.model, version.error, version.busy, version.state = model, None, False, State.AVAILABLE
        self.ready[version.number] = version

    def load_failed(self, version: Version, error: StatusError, *, tries: int, next_try: float) -> None:
        """A load has failed; after so many `tries` it has for good."""
        version.error, version.busy, version.next_try = error, False, next_try
        version.failures += 1
        if version.number not in self.wanted:
            version.state = State.END
        elif version.failures >= tries:
            version.state = State.END
            self.given_up.add(version.number)

    def next_try(self) -> float | None:
        """The moment when the first failed load is due again; None, too, as long as another one runs."""
        loading = [version for version in self.versions.values() if version.state is State.LOADING]
        return (
            None if any(version.busy for version in loading) else min((each.next_try for each in loading), default=None)
        )

    def unload_unwanted(self) -> list[Version]:
        """The versions that may go now; they are then UNLOADING.

        An unwanted one goes once a wanted one is ready, or when nothing is wanted; of several the highest one waits for that.
        """
        unwanted = sorted(self.ready.keys() - self.wanted.keys())
        replaced = len(unwanted) < len(self.ready) or not self.wanted
        return [self.unload(number) for number in (unwanted if replaced else unwanted[:-1])]

    def unload(self, number: int) -> Version:
        """Makes a ready version UNLOADING: nobody gets it any more."""
        version = self.ready.pop(number)
        version.state = State.UNLOADING
        return version

    def statuses(self, number: int | None) -> list[VersionStatus]:
        """The states of all versions, newest first, or of one."""
        numbers = sorted(self.versions, reverse=True) if number is None else self.versions.keys() & {number}
        return [VersionStatus(each, self.versions[each].state, self.versions[each].error) for each in numbers]

    def check_labels(self, source: ModelSource, *, for_unavailable: bool) -> None:
        """Raises StatusError (FAILED_PRECONDITION) unless the labels of a new source name versions that are available.

        With `for_unavailable` a label that is new, or stays where it is, may name any version.
        """
        before = self.source.labels if self.configured else {}
        for label, version in source.labels.items():
            moved = before.get(label, version) != version
            if version not in self.ready and (moved or not for_unavailable):
                raise StatusError(
                    Code.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {source.name}, "
                    "which is not currently available for inference",
                )

    def settled(self, *, final: bool) -> bool:
        """Whether every wanted version was tried and one is available, or all have failed for good.

        `final` is whether nothing else will be found on disk.
        """
        if not self.configured:
            return True
        if not self.looked:
            return False
        if not self.wanted:
            return final
        states = [self.versions[number] for number in self.wanted]
        if any(version.state is not State.AVAILABLE and not version.failures for version in states):
            return False
        return bool(self.ready) or self.given_up >= self.wanted.keys()

    def failure(self) -> str | None:
        """Why no version is available, in TensorFlow Serving's words; None if one is."""
        if self.ready and self.configured:
            return None
        name = self.source.name
        if not self.configured:
            return f"{{{{name: {name}}} due to error: ABORTED: another configuration leaves it out}}, "
        if not self.wanted:
            return f"{{{{name: {name}}} due to error: NOT_FOUND: {_nothing_found(self.source)}}}, "
        number = max(self.wanted)
        error = self.versions[number].error or StatusError(Code.UNAVAILABLE, "not loaded")
        return f"{{{{name: {name} version: {number}}} due to error: {error}}}, "

    def _want(self, wanted: dict[int, Path]) -> None:
        self.wanted = wanted
        self.given_up &= wanted.keys()
        for number in wanted:
            self.versions.setdefault(number, Version(number))
        for version in self.versions.values():
            if version.number not in wanted and version.state in (State.START, State.LOADING) and not version.busy:
                version.state = State.END


def _nothing_found(source: ModelSource) -> str:
    return f"No versions of servable {source.name} found under base path {source.base_path}"
