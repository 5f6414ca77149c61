"""What `tfiqa brisque` and `tfiqa niqe` have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from tfiqa.cli.output import SOME_FAILED, row_options, say, say_some, stream_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Result = TypeVar("Result")


def picture_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --workers and --max-pixels."""
    workers = click.option(
        "--workers", type=click.IntRange(min=1), help="Threads, a picture each; by default one per processor."
    )
    most = click.option(
        "--max-pixels", type=click.IntRange(min=1), help="Larger pictures are refused; by default over 200 million."
    )
    return workers(most(command))


def score_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds what `score_pictures` takes by name: `row_options` and `picture_options`."""
    return row_options(picture_options(command))


def measure_pictures(
    function: Callable[[NDArray[np.uint8]], Result], files: Sequence[Path], workers: int | None, max_pixels: int | None
) -> tuple[list[Result | None], list[str]]:
    """`function` of each picture, None where there is none, and why not, which is also told."""
    from tfiqa.cli.progress import picture_progress
    from tfiqa.images.each_picture import over_pictures

    progress = picture_progress("features")
    results, errors = [], []
    for result, error in over_pictures(function, files, workers=workers, max_pixels=max_pixels):
        results.append(result)
        if error is not None:
            errors.append(error)
        progress(len(results), len(files))
    say_some("left out", errors)
    return results, errors


def score_pictures(
    context: click.Context,
    name: str,
    function: Callable[[NDArray[np.uint8]], float],
    paths: Sequence[str],
    *,
    form: str,
    output: str,
    workers: int | None,
    max_pixels: int | None,
) -> None:
    """Writes a row a picture: path, the score under `name`, error. Exit status 3 when some failed."""
    from tfiqa.images.discovery import find_pictures
    from tfiqa.images.each_picture import over_pictures

    files = find_pictures(paths)
    outcomes = over_pictures(function, files, workers=workers, max_pixels=max_pixels)
    rows = (
        {"path": str(file), name: value, "error": error} for file, (value, error) in zip(files, outcomes, strict=True)
    )
    failed = stream_rows(output, form, ("path", name, "error"), rows, total=len(files), unit="picture")
    say(f"{len(files) - failed} of {len(files)} pictures scored")
    if failed:
        context.exit(SOME_FAILED)
