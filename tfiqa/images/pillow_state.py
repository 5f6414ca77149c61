"""Pillow's global settings, kept as decoding needs them while pictures are read by any number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile

_lock = threading.Lock()
_readers = 0
_found: tuple[int | None, bool] = (None, False)


@contextmanager
def strict_pillow(pixels: int) -> Iterator[None]:
    """Has Pillow refuse truncated files, and not refuse a picture for its size, while the block runs.

    Both settings are global to Pillow. The first reader in notes what it finds and the last one out restores it.
    Pillow's pixel limit stays as it is unless a picture exceeds it: the caller's own limit has been checked by then.

    Args:
        pixels: height times width of the picture to be read.
    """
    global _readers, _found
    with _lock:
        if _readers == 0:
            _found = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
        _readers += 1
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:
            Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = _found
