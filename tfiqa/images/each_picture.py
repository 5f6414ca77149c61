"""A function of decoded pictures, over many files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput, PictureError, UnsupportedPicture
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, decode_picture
from tfiqa.images.resize import ResizePolicy
from tfiqa.in_order import map_in_order

Result = TypeVar("Result")


def of_picture(
    function: Callable[[NDArray[np.uint8]], Result],
    picture: str | os.PathLike[str] | bytes,
    *,
    name: str,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    scaled_for: ResizePolicy | None = None,
) -> Result:
    """Decodes a picture and calls a function of it.

    Args:
        function: of a picture (H, W, 3) RGB, uint8; raises InvalidInput where it cannot take one.
        picture: the file, or its bytes.
        name: what errors call it.
        max_pixels: larger pictures are refused.
        scaled_for: as `decode_picture` has it.

    Raises PictureError.
    """
    decoded = decode_picture(picture, name=name, max_pixels=max_pixels, scaled_for=scaled_for)
    try:
        return function(decoded)
    except InvalidInput as error:  # which does not know the picture's name
        raise UnsupportedPicture(name, str(error)) from error


def over_pictures(
    function: Callable[[NDArray[np.uint8]], Result],
    paths: Sequence[Path],
    *,
    max_pixels: int | None = None,
    workers: int | None = None,
) -> Iterator[tuple[Result | None, str | None]]:
    """Decodes pictures and calls a function of each, in threads, and gives (result, None) or (None, "path: reason") in order.

    Args:
        function: of a picture (H, W, 3) RGB, uint8; raises InvalidInput where it cannot take one.
        paths: the pictures.
        max_pixels: larger pictures are errors; by default as `decode_picture` has it.
        workers: threads; by default one for each processor.
    """

    def one(path: Path) -> tuple[Result | None, str | None]:
        try:
            return of_picture(function, path, name=str(path), max_pixels=max_pixels or DEFAULT_MAX_PIXELS), None
        except PictureError as error:
            return None, str(error)

    return map_in_order(one, paths, workers or os.cpu_count() or 1)
