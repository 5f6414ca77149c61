"""The quality maps of many pictures: threads decode while the network runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import PictureError
from tfiqa.explain.quality_map import Mapper, QualityMap
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.pipelines.records.packed_picture import Source
from tfiqa.pipelines.scoring import of_each_picture

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

    def mapped(picture: NDArray[np.uint8], exif: NDArray[np.float64] | None) -> MappedPicture:
        return MappedPicture(picture, mapper.map(picture, exif))

    items = ((source,) for source in sources)
    return of_each_picture(mapped, items, exif=mapper.takes_exif, max_pixels=max_pixels, workers=WORKERS)
