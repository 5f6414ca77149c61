"""Merging concurrent requests into batches, with the rules of TensorFlow Serving."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.batch import Batch, Task, cut_apart, merged, rows_of
from tfiqa.serving.server.batch_queue import BatchQueue, BatchRun
from tfiqa.serving.server.batching_parameters import MODEL_FILE, BatchingParameters, read_batching_parameters
from tfiqa.serving.server.loaded_model import LoadedModel, check_inputs
from tfiqa.serving.server.metrics import (
    INPUT_BATCH_SIZE,
    PADDING_SIZE,
    PROCESSED_BATCH_SIZE,
    QUEUING_LATENCY,
    WRAPPED_RUN_COUNT,
    Metrics,
)
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

logger = logging.getLogger(__name__)

_QueueKey = tuple[LoadedModel, frozenset[str], frozenset[str]]


class Batching:
    """Runs requests in batches.

    There is a queue for each model version and each pair of the sets of tensors fed and fetched. `num_batch_threads` threads
    serve them in turn.

    Args:
        parameters: those of all models; with `per_model`, only the threads' number and name count.
        metrics: what is measured goes there.
        per_model: whether each version brings its own parameters in MODEL_FILE; one without is not batched.
    """

    def __init__(self, parameters: BatchingParameters, metrics: Metrics, *, per_model: bool = False) -> None:
        self.parameters = parameters
        self._metrics = metrics
        self._per_model = per_model
        self._known: WeakKeyDictionary[LoadedModel, BatchingParameters | None] = WeakKeyDictionary()
        self._queues: OrderedDict[_QueueKey, BatchQueue] = OrderedDict()  # those with requests, the next to serve first
        self._changed = threading.Condition()
        self._draining = self._stopping = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"{parameters.thread_pool_name}-{number}", daemon=True)
            for number in range(parameters.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def parameters_of(self, model: LoadedModel) -> BatchingParameters | None:
        """How a model's requests are merged; None when they are not.

        Raises:
            StatusError: INVALID_ARGUMENT when its own parameters are wrong; to be asked as part of the load.
        """
        if not self._per_model:
            return self.parameters
        try:
            return self._known[model]
        except KeyError:
            pass
        path = model.folder / MODEL_FILE
        try:
            found = read_batching_parameters(path) if path.is_file() else None
        except ServerStartError as error:
            raise invalid_argument(str(error)) from error
        self._known[model] = found
        return found

    def run(
        self,
        model: LoadedModel,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None,
        *,
        deadline: float,
        parameters: BatchingParameters,
    ) -> dict[str, np.ndarray]:
        """Runs a signature as a part of a batch; the calling thread waits.

        Args:
            model, signature_name, inputs, outputs: as in `LoadedModel.run`; the model must stay loaded meanwhile.
            deadline: by `time.monotonic`. A batch runs unless all its requests are past theirs.
            parameters: the model's.

        Raises:
            StatusError: as `LoadedModel.run`; UNAVAILABLE when the queue is full, RESOURCE_EXHAUSTED past the deadline.
        """
        signature = model.signature(signature_name)
        check_inputs(signature, inputs)
        tensors = {info.name: inputs[name] for name, info in signature.inputs.items()}
        rows = rows_of(tensors)
        for _ in tensors:
            self._metrics.observe(INPUT_BATCH_SIZE, rows)
        chosen = tuple(signature.outputs) if outputs is None else tuple(sorted(outputs))
        fetched = {signature.outputs[name].name: name for name in chosen}
        key = model, frozenset(tensors), frozenset(fetched)
        task = Task(tensors, rows, time.monotonic(), deadline)
        with self._changed:
            if self._stopping:
                raise StatusError(Code.UNAVAILABLE, "The server is shutting down")
            queue = self._queues.get(key)
            if queue is None:
                queue = BatchQueue(BatchRun(model, signature, tuple(fetched.values())), parameters)
            before = queue.due() if queue else math.inf
            parts = queue.add(task)
            self._queues[key] = queue
            if queue.due() < before or len(parts) > 1:
                self._changed.notify(len(parts))
        results = _results(parts)
        return {name: results[signature.outputs[name].name] for name in chosen}

    def drain(self) -> None:
        """From now on no batch waits for more requests."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Runs what waits and ends the threads."""
        with self._changed:
            self._draining = self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        """A batch thread: runs one batch after the other."""
        while (taken := self._next_batch()) is not None:
            self._process(*taken)
            del taken  # else the thread would hold on to the model until its next batch

    def _next_batch(self) -> tuple[BatchQueue, Batch] | None:
        """Waits for the next batch that may run; None when there will be none any more."""
        with self._changed:
            while True:
                now = math.inf if self._draining else time.monotonic()
                soonest = math.inf
                for key, queue in self._queues.items():
                    due = queue.due()
                    if due <= now:
                        batch = queue.take()
                        if len(queue):
                            self._queues.move_to_end(key)
                        else:
                            del self._queues[key]
                        if self._queues:
                            self._changed.notify()  # another thread is to look after the rest
                        return queue, batch
                    soonest = min(soonest, due)
                if self._stopping:
                    return None
                self._changed.wait(None if soonest == math.inf else max(0.0, soonest - time.monotonic()))

    def _process(self, queue: BatchQueue, batch: Batch) -> None:
        """Runs a batch and answers its requests, with the same error if there is one."""
        try:
            results = self._run(queue, batch)
        except StatusError as error:
            _fail(batch, error)
        except Exception:
            logger.exception("failed to run a batch")
            _fail(batch, StatusError(Code.INTERNAL, "Internal error; the server's log tells more"))
        else:
            for task, outputs in zip(batch.tasks, results, strict=True):
                task.end(outputs, None)

    def _run(self, queue: BatchQueue, batch: Batch) -> list[dict[str, np.ndarray]]:
        now = time.monotonic()
        labels = (self.parameters.thread_pool_name,)
        for task in batch.tasks:
            self._metrics.observe(QUEUING_LATENCY, (now - task.arrival) * 1e6, labels)
        deadline = max(task.deadline for task in batch.tasks)
        if deadline <= now:
            raise StatusError(Code.RESOURCE_EXHAUSTED, "Run() timeout exceeded while waiting in batching queue")
        rows = queue.parameters.rounded_up(batch.rows)
        self._metrics.observe(PADDING_SIZE, rows - batch.rows, (str(rows),))
        self._metrics.observe(PROCESSED_BATCH_SIZE, rows)
        inputs = merged(batch, queue.parameters)
        outputs = queue.run(inputs, seconds=deadline - now)
        self._metrics.count(WRAPPED_RUN_COUNT)
        return cut_apart(batch, outputs, len(next(iter(inputs.values()))))


def _fail(batch: Batch, error: StatusError) -> None:
    for task in batch.tasks:
        task.end(None, error)


def _results(parts: list[Task]) -> Mapping[str, np.ndarray]:
    """The outputs of a request, put together again if it was cut. Raises the first error once all parts have ended."""
    if len(parts) == 1:
        return parts[0].result()
    found, error = [], None
    for part in parts:
        try:
            found.append(part.result())
        except StatusError as failure:
            error = error or failure
    if error is not None:
        raise error
    return {name: np.concatenate([outputs[name] for outputs in found]) for name in found[0]}
