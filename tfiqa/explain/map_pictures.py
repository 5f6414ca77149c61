"""The quality maps of many pictures: threads decode while the network runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput, PictureError, UnsupportedPicture
from tfiqa.explain.quality_map import Mapper, QualityMap
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.records.packed_picture import Source, decode_source, name_of
from tfiqa.pipelines.scoring import own_exif

WORKERS = 2  # a network takes longer than decoding, and decoded pictures take memory


@dataclass(frozen=True, eq=False)
class MappedPicture:
    """A picture (H, W, 3), as it is shown, and its map."""

    pixels: NDArray[np.uint8]
    quality_map: QualityMap


def map_pictures(
    mapper: Mapper, sources: Iterable[Source], *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Iterator[MappedPicture | PictureError]:
    """The map, or the error, of each picture, in the given order and as they come; larger ones than `max_pixels` are refused."""

    def decoded(source: Source) -> tuple[Source, NDArray[np.uint8], NDArray[np.float64] | None] | PictureError:
        try:
            picture = decode_source(source, max_pixels=max_pixels)
            return source, picture, own_exif(source) if mapper.takes_exif else None
        except PictureError as error:
            return error

    for each in map_in_order(decoded, sources, WORKERS):
        if isinstance(each, PictureError):
            yield each
            continue
        source, picture, exif = each
        try:
            yield MappedPicture(picture, mapper.map(picture, exif))
        except InvalidInput as error:
            yield UnsupportedPicture(name_of(source), str(error))
