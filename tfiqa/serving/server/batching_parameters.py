"""TensorFlow Serving's batching parameters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.config_protos import message_classes, read_text_proto

SERVER_THREADS: Final = "model_server_batch_threads"  # thread_pool_name of a server without a file of parameters
MODEL_FILE: Final = "batching_params.pbtxt"  # of one model, in its version's folder


def _message(padding: str) -> Any:
    """The message BatchingParameters; TensorFlow Serving has a plain field for padding, files write it wrapped, too."""
    fields = (
        "google.protobuf.Int64Value max_batch_size",
        "google.protobuf.Int64Value batch_timeout_micros",
        "google.protobuf.Int64Value max_enqueued_batches",
        "google.protobuf.Int64Value num_batch_threads",
        "google.protobuf.StringValue thread_pool_name",
        "repeated int64 allowed_batch_sizes",
        f"{padding} pad_variable_length_inputs",
        "google.protobuf.BoolValue enable_large_batch_splitting",
        "google.protobuf.Int64Value max_execution_batch_size",
    )
    return message_classes({"BatchingParameters": fields})["BatchingParameters"]


_MESSAGES: Final = (_message("bool"), _message("google.protobuf.BoolValue"))


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are merged; names and defaults are TensorFlow Serving's.

    Args:
        max_batch_size: rows of the largest request, and unless large requests are cut of the largest batch; at least 1.
        batch_timeout_micros: age in microseconds of the first request at which a batch that is not full may run.
        max_enqueued_batches: batches that may wait in one queue, the open one included; 0 means 1.
        num_batch_threads: batches that run at a time, over all models.
        thread_pool_name: the label of the queuing latency among the metrics.
        allowed_batch_sizes: a batch is filled up to one of these numbers of rows; increasing, the last is the largest batch.
        pad_variable_length_inputs: whether tensors that differ in later dimensions are filled up to the largest.
        enable_large_batch_splitting: whether a request may be cut over several batches.
        max_execution_batch_size: rows of the largest batch when requests are cut; None is `max_batch_size`.

    Raises:
        ValueError: values that contradict each other, in TensorFlow Serving's words.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: Sequence[int] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "num_batch_threads", "max_execution_batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be positive; was {value}")
        for name in ("batch_timeout_micros", "max_enqueued_batches"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be non-negative; was {getattr(self, name)}")
        if self.largest_batch > self.max_batch_size:
            raise ValueError(
                "max_execution_batch_size must be less than or equal to max_batch_size; "
                f"was {self.largest_batch}; expected at most {self.max_batch_size}"
            )
        sizes = list(self.allowed_batch_sizes)
        if not sizes:
            return
        if sizes != sorted(set(sizes)) or sizes[0] < 1:
            raise ValueError("allowed_batch_sizes entries must be monotonically increasing")
        if sizes[-1] != self.largest_batch:
            rule = (
                "be equal to max_execution_batch_size" if self.enable_large_batch_splitting else "match max_batch_size"
            )
            raise ValueError(
                f"Last entry in allowed_batch_sizes must {rule}; last entry was {sizes[-1]}; expected {self.largest_batch}"
            )

    @property
    def largest_batch(self) -> int:
        """The rows of the largest batch."""
        if not self.enable_large_batch_splitting or self.max_execution_batch_size is None:
            return self.max_batch_size
        return self.max_execution_batch_size

    def rounded_up(self, rows: int) -> int:
        """The smallest allowed number of rows for so many."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def read_batching_parameters(path: Path) -> BatchingParameters:
    """The parameters in a text protocol buffer file.

    Raises:
        ServerStartError: the file cannot be read, holds something else, or values that contradict each other.
    """
    message = read_text_proto(path, *_MESSAGES)
    settings: dict[str, Any] = {field.name: getattr(value, "value", value) for field, value in message.ListFields()}
    if "allowed_batch_sizes" in settings:
        settings["allowed_batch_sizes"] = tuple(settings["allowed_batch_sizes"])
    try:
        return BatchingParameters(**settings)
    except ValueError as error:
        raise ServerStartError(f"{path}: {error}") from error
