"""Processes of this machine, each with a pipe of its own, so that one that is killed takes nothing with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic

from tfiqa.errors import InvalidInput, TfiqaError
from tfiqa.features.runners.runner import Item, Result, listen

DEATHS_ALLOWED = 2  # in a row, without an item done between them; one more ends the run
LAST_WORDS = 5.0  # seconds that an idle process gets to end by itself

# What a process tells: ("ticks", count), ("done", result) or ("failed", (exception, traceback)).
Message = tuple[str, Any]


class LocalRunner:
    """A `Runner` on this machine's processors.

    The processes start afresh (`spawn`): TensorFlow does not survive a fork. They end with the process that started them,
    however that one ends, and leave Ctrl-C to it.

    Args:
        workers: processes; by default one for each processor that this process may use.
        under_way: called with the sum of the ticks (`runner.tick`) of the items at hand whenever it changes.

    Raises:
        InvalidInput: fewer than one worker.
    """

    def __init__(self, workers: int | None = None, *, under_way: Callable[[int], None] | None = None) -> None:
        if workers is not None and workers < 1:
            raise InvalidInput(f"workers are counted from 1. Received: {workers}")
        self.workers = workers or _processors()
        self._under_way = under_way

    def run(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        initializer: Callable[[], None] | None = None,
    ) -> Generator[tuple[Item, Result], None, None]:
        """See `Runner.run`. A process that dies is replaced, and its item is the next to be given out."""
        waiting = deque(items)
        crew: list[_Worker[Item]] = []
        deaths = 0
        try:
            for _ in range(min(self.workers, len(waiting))):
                crew.append(_Worker.start(function, initializer))
            while True:
                for worker in crew:
                    if waiting and not worker.items:
                        worker.give(waiting.popleft())
                busy = [worker for worker in crew if worker.items]
                if not busy:
                    break
                ready = wait([worker.pipe for worker in busy])
                for worker in [worker for worker in busy if worker.pipe in ready]:
                    kind, value = worker.listen()
                    if kind == "ticks":
                        worker.ticks += value
                    elif kind == "failed":
                        error, text = value
                        raise error from _ElsewhereError(text)
                    else:
                        item = worker.items.pop()
                        worker.ticks = 0
                    self._tell(crew)
                    if kind == "done":
                        deaths = 0
                        yield item, value
                    elif kind == "died":
                        deaths += 1
                        if deaths > DEATHS_ALLOWED:
                            raise TfiqaError(f"{deaths} worker processes died in a row; the last one {value}")
                        waiting.appendleft(item)
                        crew[crew.index(worker)] = _Worker.start(function, initializer)
            for worker in crew:
                worker.pipe.close()
            for worker in crew:
                worker.process.join(LAST_WORDS)
        finally:
            for worker in crew:
                worker.process.kill()
            for worker in crew:
                worker.process.join()

    def _tell(self, crew: Sequence[_Worker[Any]]) -> None:
        if self._under_way:
            self._under_way(sum(worker.ticks for worker in crew))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(eq=False)
class _Worker(Generic[Item]):
    """One process as its employer sees it.

    Args:
        process: it.
        pipe: to it.
        items: what it works on: one item, or none.
        ticks: of that item.
    """

    process: SpawnProcess
    pipe: Connection
    items: list[Item]
    ticks: int = 0

    @classmethod
    def start(cls, function: Callable[[Item], Any], initializer: Callable[[], None] | None) -> _Worker[Item]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()  # so that the process's death is the end of the pipe
        worker = cls(process, ours, [])
        worker._send((initializer, function))
        return worker

    def give(self, item: Item) -> None:
        self.items.append(item)
        self._send(item)

    def listen(self) -> Message:
        """What the process says next, or ("died", how)."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            if code == -signal.SIGKILL:
                return "died", "was killed, as the system does when memory runs out; fewer workers need less"
            return "died", f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"

    def _send(self, message: Any) -> None:
        with suppress(BrokenPipeError):  # it is dead, which `listen` tells
            self.pipe.send(message)


class _ElsewhereError(Exception):
    """The traceback of an error in another process, as the cause of the error here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _work(pipe: Connection) -> None:
    """The life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    listen(lambda count: pipe.send(("ticks", count)))
    with suppress(EOFError, BrokenPipeError):  # of the pipe: nobody is interested any more
        initializer, function = pipe.recv()
        answer = _answer(initializer) if initializer else ("done", None)
        if answer[0] == "failed":
            pipe.send(answer)
        while answer[0] == "done":
            answer = _answer(function, pipe.recv())
            pipe.send(answer)


def _answer(function: Callable[..., Any], *arguments: Any) -> Message:
    try:
        return "done", function(*arguments)
    except Exception as error:
        return "failed", (error, traceback.format_exc())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
