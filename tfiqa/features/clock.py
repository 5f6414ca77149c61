"""Where the time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


class Clock:
    """Adds up the seconds that each part of the work takes, in `seconds`, by the names of `parts`."""

    def __init__(self, parts: Sequence[str]) -> None:
        self.seconds = dict.fromkeys(parts, 0.0)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Counts the time inside the block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - start

    def add(self, seconds: Mapping[str, float]) -> None:
        """Adds what another clock counted."""
        for part in self.seconds:
            self.seconds[part] += seconds[part]
