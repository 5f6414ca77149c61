"""Progress bars on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial


def picture_progress(what: str) -> Callable[[int, int], None]:
    """A function of (done, all) that draws a bar, another one when it begins anew, and nothing where standard error is no
    terminal."""
    from tqdm import tqdm

    new_bar = partial(tqdm, desc=what, disable=not sys.stderr.isatty(), leave=False, unit="picture")
    bar = new_bar()

    def update(done: int, total: int) -> None:
        nonlocal bar
        if done < bar.n:
            bar = new_bar()
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return update
