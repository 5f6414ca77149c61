"""Scene descriptors of many pictures, decoded in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.errors import PictureError
from tfiqa.features.scenes.descriptor import scene_descriptor
from tfiqa.features.scenes.layout import LENGTH
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.records.packed_picture import Source, of_source

Progress = Callable[[int, int], None]


def describe_pictures(
    sources: Sequence[Source],
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[NDArray[np.float32], list[str | None]]:
    """The descriptors of pictures, whole and in their own size.

    Args:
        sources: the pictures.
        max_pixels: larger pictures are errors.
        workers: threads; by default one for each processor. Each holds one picture.
        progress: called with (done, all) after each picture.

    Returns:
        (N, 37), rows of NaN for pictures that cannot be described; and for each picture "path: reason", or None.
    """

    def descriptor(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        with tf.device("CPU"):  # so that sums are the same on every machine
            return np.asarray(scene_descriptor(picture[np.newaxis])[0])

    def describe(source: Source) -> NDArray[np.float32] | str:
        try:
            return of_source(descriptor, source, max_pixels=max_pixels)
        except PictureError as error:
            return str(error)

    descriptors = np.full((len(sources), LENGTH), np.nan, np.float32)
    errors: list[str | None] = [None] * len(sources)
    for place, found in enumerate(map_in_order(describe, sources, workers or os.cpu_count() or 1)):
        if isinstance(found, str):
            errors[place] = found
        else:
            descriptors[place] = found
        if progress:
            progress(place + 1, len(sources))
    return descriptors, errors
