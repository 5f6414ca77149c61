"""Progress bars on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable


def picture_progress(what: str) -> Callable[[int, int], None]:
    """A function of (done, all) that draws a bar, and nothing where standard error is no terminal."""
    from tqdm import tqdm

    bar = tqdm(desc=what, disable=not sys.stderr.isatty(), leave=False, unit="picture")

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return update
