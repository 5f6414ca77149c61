"""Running signatures for the protocols: with a limit on the runs at a time, within a deadline."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from tfiqa.serving.server.loaded_model import RUN_TIMEOUT_SECONDS, LoadedModel
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.status import Code, StatusError

# Decoding keeps one processor busy where the network takes all of them: with two runs for each neither waits for the other.
MAX_RUNS: Final = 2 * (os.cpu_count() or 1)


@dataclass(frozen=True)
class ModelSpec:
    """The model that a request asks for.

    Args:
        name: the model's name.
        version: the version's number, if one is named.
        label: the version's label, if one is named.
    """

    name: str
    version: int | None = None
    label: str | None = None


class Inference:
    """Runs the models of a store.

    Args:
        store: the models.
        timeout_seconds: the longest that a request may take when it brings no deadline of its own.
        max_runs: runs at a time, over all models; they share processors and memory. Further ones wait.
    """

    def __init__(
        self, store: ModelStore, *, timeout_seconds: float = RUN_TIMEOUT_SECONDS, max_runs: int = MAX_RUNS
    ) -> None:
        self.store = store
        self.timeout_seconds = timeout_seconds
        self._free_runs = threading.BoundedSemaphore(max_runs)

    def deadline(self, seconds: float | None = None) -> float:
        """The moment, by `time.monotonic`, at which a request that has just come must be answered.

        `seconds` is what the caller gives it, if anything.
        """
        return time.monotonic() + (self.timeout_seconds if seconds is None else seconds)

    @contextmanager
    def borrow(self, spec: ModelSpec) -> Iterator[tuple[int, LoadedModel]]:
        """Lends a version of a model, see `ModelStore.borrow`."""
        with self.store.borrow(spec.name, spec.version, spec.label) as lent:
            yield lent

    def run(
        self,
        model: LoadedModel,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None = None,
        *,
        deadline: float,
    ) -> dict[str, np.ndarray]:
        """Runs a signature of a borrowed model, in the calling thread; arguments and errors as in `LoadedModel.run`.

        `deadline` is checked before the run; the run itself is ended after the model's own timeout.

        Raises:
            StatusError: DEADLINE_EXCEEDED when no run was free in time; what the run raises.
        """
        if not self._free_runs.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise StatusError(Code.DEADLINE_EXCEEDED, "Timed out waiting for a free run")
        try:
            return model.run(signature, inputs, outputs)
        finally:
            self._free_runs.release()
