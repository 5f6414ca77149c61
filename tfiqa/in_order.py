"""Threads that work ahead and hand over in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
READ_AHEAD = 2  # items under way or waiting per worker; bounds memory


def map_in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    on_interrupt: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """`function` of each item, in order, computed in threads. What it raises comes out at the item's place and ends the rest.

    Ctrl-C waits for the items under way; `on_interrupt` is called before, and may have them end soon.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[Result]] = deque()
        try:
            while True:
                wanted = workers * READ_AHEAD - len(under_way)
                under_way.extend(pool.submit(function, item) for item in islice(remaining, wanted))
                if not under_way:
                    return
                yield under_way.popleft().result()
        except KeyboardInterrupt:
            if on_interrupt:
                on_interrupt()
            raise
        finally:
            pool.shutdown(cancel_futures=True)  # so that Ctrl-C need not wait for the rest
