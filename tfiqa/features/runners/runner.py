"""What every runner does, and how a function that it runs tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Runner(Protocol):
    """Calls a function on items in other processes."""

    def run(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        initializer: Callable[[], None] | None = None,
    ) -> Generator[tuple[Item, Result], None, None]:
        """Each item with its result, in the order in which they are done.

        Where a process or its machine dies, its item is run again elsewhere: the function may run more than once on an
        item, also twice at a time, and must not mind. Closing the iterator ends the processes.

        Args:
            function: it, the items, the results and what it raises travel between processes by `pickle`.
            items: what to work on.
            initializer: called once in every process before its first item.

        Raises:
            TfiqaError: processes died again and again without finishing anything. What `function` or `initializer`
                raises comes out as it is, and ends the rest.
        """
        ...


_listeners: list[Callable[[int], None]] = []


def tick(count: int = 1) -> None:
    """Tells that another `count` parts of the item at hand are done; for a function that runs long on one item.

    Runners that show it take it to whoever waits (`listen`); elsewhere nothing happens.
    """
    for listener in _listeners:
        listener(count)


def listen(listener: Callable[[int], None]) -> None:
    """Has `tick` in this process call a function."""
    _listeners.append(listener)
