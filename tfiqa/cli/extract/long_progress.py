"""Progress of work that takes hours: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from tfiqa.cli.output import say

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30.0


class LongProgress:
    """Counts pictures, with their rate and the time left, on standard error.

    Args:
        is_terminal: whether to draw a bar; by default as standard error is.
    """

    def __init__(self, is_terminal: bool | None = None) -> None:
        self._is_terminal = sys.stderr.isatty() if is_terminal is None else is_terminal
        self._finished = self._under_way = self._shown = 0
        self._total: int | None = None
        self._bar: tqdm | None = None
        self._told = time.monotonic()
        self._first: tuple[float, int] | None = None  # when the first pictures of this run were done, and how many

    def finished(self, done: int, total: int) -> None:
        """So many of all pictures are done for good; at the first call, by earlier runs."""
        if self._total is None:
            self._open(done, total)
        self._finished = done
        self._show()
        if done >= total:
            self.close()

    def under_way(self, count: int) -> None:
        """So many beside the finished ones are done, and are done again if their process dies."""
        self._under_way = count
        self._show()

    def close(self) -> None:
        """Ends the bar, or writes the last line."""
        if self._bar is not None:
            self._bar.close()
        elif self._first:
            say(self._line())

    def _open(self, done: int, total: int) -> None:
        self._total, self._shown = total, done
        if self._is_terminal:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, unit="picture", leave=False)

    def _show(self) -> None:
        now = time.monotonic()
        shown = max(self._shown, min(self._finished + self._under_way, self._total or 0))
        if shown > self._shown and self._first is None:
            self._first = now, shown  # the time before is that of processes that start
        self._shown = shown
        if self._bar is not None:
            self._bar.update(shown - self._bar.n)
        elif now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            say(self._line())

    def _line(self) -> str:
        total = self._total or 0
        text = f"{self._shown:,} of {total:,} pictures gone through ({self._shown / total:.1%})"
        start, count = self._first or (0.0, self._shown)
        seconds = time.monotonic() - start
        if self._shown == count or not seconds:
            return text
        rate = (self._shown - count) / seconds
        left = timedelta(seconds=round((total - self._shown) / rate))
        return f"{text}, {rate:.1f} a second" + (f", {left} left" if self._shown < total else "")
