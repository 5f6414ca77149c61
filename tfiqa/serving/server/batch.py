"""One batch: the requests in it, their tensors merged for the run, and the outputs cut apart again."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tfiqa.serving.server.batching_parameters import BatchingParameters
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

MAX_PADDED_RANK = 6  # TensorFlow Serving's

Tensors = Mapping[str, np.ndarray]


@dataclass(eq=False)
class Task:
    """A request, or a part of one that was cut, from its arrival in a queue to its answer.

    Args:
        tensors: its inputs by the name of the tensor in the graph, all with `rows` along the first dimension.
        rows: its size.
        arrival: by `time.monotonic`.
        deadline: by `time.monotonic`; infinite for none.
    """

    tensors: Tensors
    rows: int
    arrival: float
    deadline: float
    outputs: Tensors | None = None
    error: StatusError | None = None
    _pending: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._pending.acquire()

    def end(self, outputs: Tensors | None, error: StatusError | None) -> None:
        """Hands over the outputs, by the name of the tensor in the graph, or the reason why there are none. Once only."""
        self.outputs, self.error = outputs, error
        self._pending.release()

    def result(self) -> Tensors:
        """Waits for the outputs. Raises the reason why there are none."""
        with self._pending:
            if self.error is not None:  # one for the whole batch: every thread raises its own
                raise StatusError(self.error.code, self.error.message) from self.error
            assert self.outputs is not None
            return self.outputs

    def parts(self, sizes: Sequence[int]) -> list[Task]:
        """The request cut into pieces of these rows, which sum up to its own."""
        pieces, start = [], 0
        for rows in sizes:
            tensors = {name: array[start : start + rows] for name, array in self.tensors.items()}
            pieces.append(Task(tensors, rows, self.arrival, self.deadline))
            start += rows
        return pieces


@dataclass(eq=False)
class Batch:
    """Requests that run together. `begin` is the arrival of the first of them."""

    tasks: list[Task] = field(default_factory=list)
    rows: int = 0
    begin: float = 0.0

    def add(self, task: Task) -> None:
        """Puts a request behind the others."""
        if not self.tasks:
            self.begin = task.arrival
        self.tasks.append(task)
        self.rows += task.rows


def rows_of(tensors: Tensors) -> int:
    """The size of the first dimension of all inputs. Raises StatusError when they differ or have none."""
    if not tensors:
        raise invalid_argument("Batching Run() must have at least one input tensor")
    sizes = set()
    for array in tensors.values():
        if not array.ndim:
            raise invalid_argument("Batching Run() input tensors must have at least one dimension")
        sizes.add(len(array))
    if len(sizes) > 1:
        raise invalid_argument("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop()


def merged(batch: Batch, parameters: BatchingParameters) -> dict[str, np.ndarray]:
    """The tensors of a batch in one, in the order of its requests, with rows added up to an allowed size.

    An added row is the first one of the last request.

    Raises:
        StatusError: the requests' tensors differ in other dimensions than the first, and are not filled up.
    """
    extra = parameters.rounded_up(batch.rows) - batch.rows
    inputs = {}
    for name in batch.tasks[0].tensors:
        arrays = _of_one_shape(name, [task.tensors[name] for task in batch.tasks], parameters)
        filling = next((array[:1] for array in reversed(arrays) if len(array)), None)  # a request may have no rows
        if extra and filling is not None:
            arrays.append(np.repeat(filling, extra, axis=0))
        inputs[name] = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return inputs


def cut_apart(batch: Batch, outputs: Tensors, rows_run: int) -> list[dict[str, np.ndarray]]:
    """The outputs of each request; those of added rows are dropped.

    Raises:
        StatusError: FAILED_PRECONDITION when an output does not have `rows_run`, the rows fed, along its first dimension.
    """
    for array in outputs.values():
        if not array.ndim:
            raise StatusError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if len(array) != rows_run:
            raise StatusError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
            )
    results, start = [], 0
    for task in batch.tasks:
        results.append({name: array[start : start + task.rows] for name, array in outputs.items()})
        start += task.rows
    return results


def _of_one_shape(name: str, arrays: list[np.ndarray], parameters: BatchingParameters) -> list[np.ndarray]:
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) == 1 and not (parameters.pad_variable_length_inputs and arrays[0].ndim > MAX_PADDED_RANK):
        return arrays
    if not parameters.pad_variable_length_inputs:
        raise StatusError(
            Code.FAILED_PRECONDITION,
            f"Tensors with name '{name}' from different tasks have different shapes and padding is turned off."
            "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name"
            "have equal dimensions starting with the first dim.",
        )
    if max(map(len, shapes)) >= MAX_PADDED_RANK:
        raise invalid_argument("Only tensors with rank from 1 to 6 can be padded.")
    if len({len(shape) for shape in shapes}) > 1:
        raise invalid_argument(f"Tensors with name '{name}' from different tasks have different ranks")
    largest = np.max(list(shapes), axis=0)
    return [_filled_up(array, largest) for array in arrays]


def _filled_up(array: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """The array with its first element added at the end of each dimension but the first."""
    if array.shape[1:] == tuple(largest):
        return array
    if not array.size:
        if not len(array):
            return np.empty((0, *largest), array.dtype)
        raise invalid_argument("Got empty tensor in batch of non-empty tensors.")
    filled = np.empty((len(array), *largest), array.dtype)
    filled.fill(array.flat[0])
    filled[tuple(slice(size) for size in array.shape)] = array
    return filled
