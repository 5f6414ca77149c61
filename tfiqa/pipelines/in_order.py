"""Threads that work ahead and hand over in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from tfiqa.errors import PictureError

Item = TypeVar("Item")
Result = TypeVar("Result")
READ_AHEAD = 2  # items under way or waiting per worker; bounds memory


def map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result | PictureError]:
    """`function` of each item, in order, computed in threads; a PictureError it raises is yielded in the result's place."""
    remaining = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[Result]] = deque()
        try:
            while True:
                wanted = workers * READ_AHEAD - len(under_way)
                under_way.extend(pool.submit(function, item) for item in islice(remaining, wanted))
                if not under_way:
                    return
                try:
                    result: Result | PictureError = under_way.popleft().result()
                except PictureError as error:
                    result = error
                yield result
        finally:
            for future in under_way:
                future.cancel()
