"""The requests that wait for one kind of run, in batches: the last one open for more, those before it closed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tfiqa.serving.server.batch import Batch, Task
from tfiqa.serving.server.batching_parameters import BatchingParameters
from tfiqa.serving.server.loaded_model import LoadedModel, Signature
from tfiqa.serving.server.status import Code, StatusError, invalid_argument


@dataclass(frozen=True)
class BatchRun:
    """What the requests of a queue have in common: they feed and fetch the same tensors of the same model version.

    Args:
        model: the version, which stays loaded as long as one of its requests waits.
        signature: one whose tensors these are; another one may have the same.
        outputs: names of its outputs, one for each tensor fetched.
    """

    model: LoadedModel
    signature: Signature
    outputs: tuple[str, ...]

    def __call__(self, tensors: Mapping[str, np.ndarray], *, seconds: float) -> dict[str, np.ndarray]:
        """Runs the model; inputs and outputs are by the names of the tensors in the graph, `seconds` as in `LoadedModel.run`."""
        inputs = {name: tensors[info.name] for name, info in self.signature.inputs.items()}
        found = self.model.run(self.signature.name, inputs, self.outputs, seconds=seconds)
        return {self.signature.outputs[name].name: array for name, array in found.items()}


class BatchQueue:
    """Puts requests into batches in the order of their arrival. Not safe for use from several threads.

    Args:
        run: runs a batch.
        parameters: those of the model.
    """

    def __init__(self, run: BatchRun, parameters: BatchingParameters) -> None:
        self.run = run
        self.parameters = parameters
        self._batches: deque[Batch] = deque()

    def __len__(self) -> int:
        return len(self._batches)

    def add(self, task: Task) -> list[Task]:
        """Puts a request into the open batch, or into a new one behind it when it does not fit.

        Returns:
            What to wait for: the request itself, or the parts that it was cut into.

        Raises:
            StatusError: INVALID_ARGUMENT for a request larger than any batch, UNAVAILABLE when the queue is full.
        """
        parameters = self.parameters
        if task.rows > parameters.max_batch_size:
            raise invalid_argument(
                f"Task size {task.rows} is larger than maximum input batch size {parameters.max_batch_size}"
            )
        open_rows = self._batches[-1].rows if self._batches else 0
        tasks = [task]
        if parameters.enable_large_batch_splitting:
            self._check_capacity(task.rows, open_rows)
            if open_rows + task.rows > parameters.largest_batch:
                tasks = task.parts(
                    _part_sizes(task.rows, parameters.largest_batch - open_rows, parameters.largest_batch)
                )
        elif open_rows + task.rows > parameters.max_batch_size and len(self._batches) >= self._most_batches:
            raise StatusError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; currently "
                f"{len(self._batches)} batches enqueued and max_enqueued_batches is {self._most_batches}",
            )
        for part in tasks:
            if not self._batches or self._batches[-1].rows + part.rows > parameters.largest_batch:
                self._batches.append(Batch())
            self._batches[-1].add(part)
        return tasks

    def due(self) -> float:
        """When the first batch may run, by `time.monotonic`; it must not be empty."""
        first = self._batches[0]
        if len(self._batches) > 1 or first.rows >= self.parameters.largest_batch:
            return 0.0
        return first.begin + self.parameters.batch_timeout_micros / 1e6

    def take(self) -> Batch:
        """Takes out the first batch."""
        return self._batches.popleft()

    @property
    def _most_batches(self) -> int:
        return max(1, self.parameters.max_enqueued_batches)

    def _check_capacity(self, rows: int, open_rows: int) -> None:
        largest, enqueued = self.parameters.largest_batch, max(1, len(self._batches))
        capacity = (self._most_batches - enqueued) * largest + largest - open_rows
        if rows > capacity:
            raise StatusError(
                Code.UNAVAILABLE,
                f"The batch scheduling queue to which this task was submitted is full; task size is {rows} but scheduling "
                f"capacity is only {capacity} (num_enqueued_batches={enqueued}, max_enqueued_batches={self._most_batches}, "
                f"open_batch_size={open_rows}, max_execution_batch_size={largest})",
            )


def _part_sizes(rows: int, free: int, largest: int) -> list[int]:
    """The rows of each part of a request: what the open batch still takes, then as many as fit into new ones."""
    first = [free] if free > 0 else []
    left = rows - free
    return first + [min(largest, left - start) for start in range(0, left, largest)]
