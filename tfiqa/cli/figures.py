"""What commands that draw a figure of each picture have in common: one picture and NAME.png, or a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click


def is_one_figure(output: Path) -> bool:
    """Whether --output names a figure rather than a folder."""
    return output.suffix.lower() == ".png"


def pictures_to_draw(paths: Sequence[str], output: Path) -> list[Path]:
    """The pictures. Raises click.UsageError for several and one figure, StorageError for a folder that exists already, and as
    `find_pictures`."""
    from tfiqa.errors import StorageError
    from tfiqa.images.discovery import find_pictures

    files = find_pictures(paths)
    if is_one_figure(output):
        if len(files) > 1:
            raise click.UsageError(f"--output NAME.png is for one picture, and there are {len(files)}; name a folder.")
    elif output.exists():
        raise StorageError(f"{output} exists already; remove it or choose another name")
    return files
