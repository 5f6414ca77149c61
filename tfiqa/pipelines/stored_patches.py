"""All patches of pictures, cut once before a training that sees each of them in every epoch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import PictureError, StorageError
from tfiqa.images.protocol import PictureProtocol
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.records.packed_picture import Source, name_of, of_source

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class StoredPatches:
    """The patches of pictures, in order.

    Args:
        pixels: uint8 (P, h, w, 3), in a file that the system keeps in memory as far as there is room. The file has no name and
            is gone with this array, or with the process.
        rows: the place of each patch's picture among the pictures, int64 (P,).
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]


def store_patches(
    sources: Sequence[Source],
    protocol: PictureProtocol,
    folder: Path,
    *,
    max_pixels: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> StoredPatches:
    """Cuts pictures into a protocol's patches; a patch of 70x70 pixels takes 14.7 kB.

    Args:
        sources: the pictures.
        protocol: resize policy and patches; each picture fills at least one.
        folder: on whose disk the patches lie.
        max_pixels: larger pictures are refused.
        workers: decoding threads; by default one for each processor.
        progress: called with (done, all) after each picture.

    Raises PictureError for a picture that cannot be used, StorageError for a full disk.
    """
    patches_of = partial(of_source, protocol.prepare, max_pixels=max_pixels, scaled_for=protocol.scaled_for)
    counts: list[int] = []
    shape: tuple[int, ...] = ()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for source, patches in zip(
                sources, map_in_order(patches_of, sources, workers or os.cpu_count() or 1), strict=True
            ):
                shape = shape or patches.shape[1:]
                if patches.shape[1:] != shape:
                    raise PictureError(name_of(source), "is smaller than a patch")
                file.write(patches.tobytes())
                counts.append(len(patches))
                if progress is not None:
                    progress(len(counts), len(sources))
            file.flush()
            pixels = np.memmap(file, np.uint8, "r", shape=(sum(counts), *shape))
    except OSError as error:
        raise StorageError(
            f"cannot keep the patches of {len(sources)} pictures in {folder}: {error.strerror}"
        ) from error
    return StoredPatches(pixels, np.repeat(np.arange(len(sources)), counts))
