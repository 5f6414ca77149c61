"""What the two protocols of a TensorFlow Serving server have in common for its client."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from tfiqa.serving.errors import PredictionError

Result = TypeVar("Result")

FIRST_PAUSE_SECONDS = 0.25  # before a request is sent again; each further pause is twice as long
LONGEST_PAUSE_SECONDS = 8.0


@dataclass(frozen=True)
class TensorInfo:
    """What a signature says of an input or output.

    Args:
        dtype: TensorFlow's name of the type, such as "DT_FLOAT".
        shape: its dimensions, -1 where any size will do; None where even their number is open.
    """

    dtype: str
    shape: tuple[int, ...] | None

    @property
    def numpy_dtype(self) -> np.dtype:
        """The type of its arrays; strings are objects (bytes). Raises PredictionError for one that NumPy does not have."""
        name = self.dtype.removeprefix("DT_").lower()
        try:
            return np.dtype(
                {"float": "float32", "double": "float64", "half": "float16", "string": "object"}.get(name, name)
            )
        except TypeError as error:
            raise PredictionError(f"values of type {self.dtype} are not supported") from error

    def takes(self, array: np.ndarray) -> bool:
        """Whether an array has a shape of this kind."""
        return self.shape is None or (
            len(self.shape) == array.ndim
            and all(want in (-1, size) for want, size in zip(self.shape, array.shape, strict=True))
        )


@dataclass(frozen=True)
class ServedSignature:
    """The inputs and outputs of a served model's signature, by name."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


class Transport(Protocol):
    """Asks for one model of a server. May be used by several threads at a time."""

    def signatures(self) -> dict[str, ServedSignature]:
        """The model's signatures by name. Raises PredictionError."""

    def predict(self, name: str, signature: ServedSignature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of the signature of that name, in their own types; strings are objects (bytes).

        Raises RequestRefused when the server does not do what is asked, PredictionError when it is not there to do it.
        """

    def close(self) -> None:
        """Ends at once what other threads are asking, with a PredictionError there, and all connections."""


class NoAnswer(Exception):
    """A request that may be sent again: there is no connection, or the server is too busy."""


class Retries:
    """Sends a request again when a server is not there or too busy, after pauses that grow, and within a deadline.

    Args:
        server: its address, for messages.
        retries: how often at most.
        timeout_seconds: the longest that a request may take, with all its pauses.
    """

    def __init__(self, server: str, *, retries: int, timeout_seconds: float) -> None:
        self.server = server
        self._retries = retries
        self._timeout_seconds = timeout_seconds
        self._stopped = threading.Event()

    def call(self, attempt: Callable[[float], Result]) -> Result:
        """What `attempt` returns.

        Args:
            attempt: sends the request, with the seconds that are left for it; raises NoAnswer where it may be sent again and
                TimeoutError when the time was over.

        Raises PredictionError: no answer, within the time or in spite of all retries.
        """
        deadline = time.monotonic() + self._timeout_seconds
        for retry in range(self._retries + 1):
            reason: Exception
            try:
                if self.stopped:
                    raise NoAnswer("the client is closed")
                return attempt(max(deadline - time.monotonic(), 0.001))
            except TimeoutError as error:
                raise self._late() from error
            except NoAnswer as error:
                reason = error
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._late() from reason
            pause = min(FIRST_PAUSE_SECONDS * 2**retry, LONGEST_PAUSE_SECONDS) * random.uniform(0.75, 1.25)
            if retry == self._retries or pause >= left or self._stopped.wait(pause):
                break
        raise PredictionError(f"no answer from {self.server}: {reason}") from reason

    def stop(self) -> None:
        """Nothing is sent from now on, and pauses end."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def _late(self) -> PredictionError:
        return PredictionError(f"no answer from {self.server} within {self._timeout_seconds:g} seconds")
