"""The pictures of a shard: where their bytes come from, their sizes, and their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import BrokenPicture, InvalidInput, PictureError
from tfiqa.features.mlsp.views import view_size
from tfiqa.images.decode import decode_picture, picture_size
from tfiqa.models.backbones.mlsp_taps import smallest_side
from tfiqa.pipelines.records.examples import picture_values
from tfiqa.pipelines.records.packed_picture import Source, file_or_bytes, name_of, source_bytes
from tfiqa.pipelines.records.schema import ENCODED


@dataclass(frozen=True)
class Decoded:
    """A picture.

    Args:
        pixels: (H, W, 3), RGB, upright.
        values: of its record's features that come from its file.
    """

    pixels: NDArray[np.uint8]
    values: dict[str, object]


def source_size(source: Source, body: str, views: Sequence[str]) -> tuple[int, int]:
    """Height and width of a picture, read from its header where it is a file.

    Raises:
        PictureError: as `picture_size`.
        InvalidInput: the body takes no views of a picture so small.
    """
    picture, name = file_or_bytes(source)
    width, height = picture_size(picture, name=name)
    smallest = min(min(view_size(view, height, width)) for view in views)
    least = smallest_side(body)
    if smallest < least:
        of_view = f" in its smallest view, of {smallest}" if smallest < min(height, width) else ""
        raise InvalidInput(f"{width}x{height} pixels are too few for {body} (sides of at least {least}{of_view})")
    return height, width


def decoded(source: Source, size: tuple[int, int]) -> Decoded:
    """A picture that had a size (height, width) before. Raises PictureError."""
    name = name_of(source)
    data = source_bytes(source)
    pixels = decode_picture(data, name=name)
    if pixels.shape[:2] != size:
        raise BrokenPicture(name, "changed while it was read")
    values = picture_values(data, name)
    del values[ENCODED]
    return Decoded(pixels, values)


def reason(error: Exception) -> str:
    """What is wrong with a picture, without its name."""
    return error.reason if isinstance(error, PictureError) else str(error)
