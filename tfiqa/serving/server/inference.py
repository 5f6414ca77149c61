"""Running signatures for the protocols: within a deadline, with a limit on the runs at a time or in batches."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from tfiqa.serving.server.batching import Batching
from tfiqa.serving.server.loaded_model import RUN_TIMEOUT_SECONDS, LoadedModel
from tfiqa.serving.server.metrics import RUNTIME_LATENCY, Metrics
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
        timeout_seconds: the longest that a request may take whose protocol knows no deadlines (REST).
        max_runs: runs at a time, over all models; they share processors and memory. Further ones wait. Batches are limited by
            their own parameters instead.
        batching: merges requests, except those of models that it has no parameters for; by default none are merged.
        metrics: what is measured goes there.
    """

    def __init__(
        self,
        store: ModelStore,
        *,
        timeout_seconds: float = RUN_TIMEOUT_SECONDS,
        max_runs: int = MAX_RUNS,
        batching: Batching | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.store = store
        self.timeout_seconds = timeout_seconds
        self.batching = batching
        self.metrics = metrics or Metrics()
        self._free_runs = threading.BoundedSemaphore(max_runs)

    def deadline(self, seconds: float | None) -> float:
        """The moment, by `time.monotonic`, at which a request that has just come must be answered.

        `seconds` is what it has, None for any time.
        """
        return math.inf if seconds is None else time.monotonic() + seconds

    @contextmanager
    def borrow(self, spec: ModelSpec) -> Iterator[tuple[int, LoadedModel]]:
        """Lends a version of a model, see `ModelStore.borrow`."""
        with self.store.borrow(spec.name, spec.version, spec.label) as lent:
            yield lent

    def is_quick(self, spec: ModelSpec, size: int) -> bool:
        """Whether a request of so many bytes takes no time, and nothing makes it wait."""
        if self.batching is not None:
            return False
        try:
            with self.borrow(spec) as (_, model):
                return size <= model.quick_request
        except StatusError:
            return False

    def run(
        self,
        model: LoadedModel,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None = None,
        *,
        deadline: float,
        name: str = "",
        api: str = "Predict",
    ) -> dict[str, np.ndarray]:
        """Runs a signature of a borrowed model while the calling thread waits; arguments and errors as in `LoadedModel.run`.

        Args:
            model, signature, inputs, outputs: as in `LoadedModel.run`.
            deadline: by `time.monotonic`. It is checked before the run; the run itself is ended after the model's own timeout.
            name: the model's, for the metrics.
            api: "Predict", "Classify", "Regress" or "MultiInference", for the metrics.

        Raises:
            StatusError: DEADLINE_EXCEEDED when no run was free in time; what the run raises.
        """
        parameters = self.batching.parameters_of(model) if self.batching is not None else None
        begin = time.monotonic()
        if self.batching is not None and parameters is not None:
            found = self.batching.run(model, signature, inputs, outputs, deadline=deadline, parameters=parameters)
        else:
            found = self._run_alone(model, signature, inputs, outputs, deadline - begin)
        self.metrics.observe(RUNTIME_LATENCY, (time.monotonic() - begin) * 1e6, (name, api, "TF1"))
        return found

    def _run_alone(
        self,
        model: LoadedModel,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None,
        seconds: float,
    ) -> dict[str, np.ndarray]:
        if model.is_cheap:
            return model.run(signature, inputs, outputs, seconds=seconds)  # not worth counting, nor waiting for others
        # What is past its deadline is not run, even if a run is free: nobody waits for it, but others do.
        if seconds <= 0 or not self._free_runs.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
            raise StatusError(Code.DEADLINE_EXCEEDED, "Timed out waiting for a free run")
        try:
            return model.run(signature, inputs, outputs, seconds=seconds)
        finally:
            self._free_runs.release()
