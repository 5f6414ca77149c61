"""The features of a shard's pictures: batches of equal sizes, while threads decode ahead."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput, PictureError, TfiqaError
from tfiqa.features.clock import Clock
from tfiqa.features.mlsp.pictures import Decoded, decoded, reason, source_size
from tfiqa.features.mlsp.shard_work import MlspWork
from tfiqa.features.mlsp.views import view_of
from tfiqa.features.runners.runner import tick
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.records.packed_picture import Source

# A batch of N views has no more pixels than N pictures of 512x512, or it is one larger view: memory depends on the largest
# picture, not on how many of them there are.
VIEW_PIXELS = 512 * 512
Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
Size = tuple[int, int]  # height, width
View = tuple[int, int, NDArray[np.uint8]]  # place in the shard, number of the view, its pixels
NO_MEMORY = "what is computed of it does not fit into the memory"


class Extraction:
    """The features of a shard's pictures.

    Pictures of the same size come together, in the shard's order; so which of them share a batch depends on the shard alone.

    Args:
        work: the shard.
        network: as `network.MlspNetwork`.
        clock: counts the time.

    Attributes:
        features: (pictures, views, features), as stored; anything for pictures that failed.
        values: by place in the shard, what else of a record comes from the picture's file.
        errors: by place, why a picture failed.
    """

    def __init__(self, work: MlspWork, network: Network, clock: Clock) -> None:
        self.features = np.empty((len(work), *work.content.shape), work.content.dtype)
        self.values: dict[int, dict[str, object]] = {}
        self.errors: dict[int, str] = {}
        self._work = work
        self._network = network
        self._clock = clock
        self._threads = 1 if work.settings.device == "cpu" else os.cpu_count() or 1
        self._pending: list[View] = []

    def run(self) -> None:
        """Does it all. Raises TfiqaError where a view alone does not fit into a GPU's memory."""
        sizes = self._sizes()
        order = sorted(sizes, key=lambda place: sizes[place])  # stable
        wanted = [(self._work.sources[place], sizes[place]) for place in order]
        pictures = map_in_order(_decoded, wanted, self._threads)
        for _, places in groupby(order, key=sizes.__getitem__):
            for place in places:
                with self._clock("decode"):
                    picture = next(pictures)
                if isinstance(picture, Decoded):
                    self._add(place, picture)
                else:
                    self._fail(place, picture)
            self._flush()

    def _sizes(self) -> dict[int, Size]:
        """Height and width by place."""
        look = partial(_size, body=self._work.content.body, views=self._work.content.views)
        sizes: dict[int, Size] = {}
        with self._clock("decode"):
            for place, size in enumerate(map_in_order(look, self._work.sources, self._threads)):
                if isinstance(size, tuple):
                    sizes[place] = size
                else:
                    self._fail(place, size)
        return sizes

    def _add(self, place: int, picture: Decoded) -> None:
        self.values[place] = picture.values
        for number, name in enumerate(self._work.content.views):
            view = view_of(picture.pixels, name)
            self._pending.append((place, number, view))
            most = self._work.settings.batch
            if len(self._pending) >= min(most, max(1, most * VIEW_PIXELS // (view.shape[0] * view.shape[1]))):
                self._flush()

    def _flush(self) -> None:
        """Sends what waits through the network."""
        if not self._pending:
            return
        batch = self._pending.copy()
        self._pending.clear()
        self._compute(batch)
        tick(sum(number == self._work.content.shape[0] - 1 for _, number, _ in batch))

    def _compute(self, batch: Sequence[View]) -> None:
        """The features of views of one size; where they do not fit into memory together, of one after the other."""
        places = [place for place, _, _ in batch]
        try:
            with self._clock("network"):
                features = self._network(np.stack([pixels for _, _, pixels in batch]))
        except (InvalidInput, PictureError) as error:
            self.errors |= dict.fromkeys(places, reason(error))
        except tf.errors.ResourceExhaustedError as error:
            if len(batch) > 1:
                for view in batch:
                    self._compute([view])
            elif self._work.settings.device == "gpu":  # whose memory others may hold: the picture may be good
                raise TfiqaError(
                    f"{self._work.sources[places[0]]!s}: {NO_MEMORY} of the GPU; free it, and --resume goes on, or begin anew "
                    "with --device cpu"
                ) from error
            else:
                self.errors[places[0]] = NO_MEMORY
        else:
            for (place, number, _), row in zip(batch, features, strict=True):
                self._store(place, number, row)

    def _store(self, place: int, number: int, row: NDArray[np.float32]) -> None:
        with np.errstate(over="ignore"):
            self.features[place, number] = row
        if not np.isfinite(self.features[place, number]).all():
            largest = np.abs(row).max()
            self.errors[place] = (
                f"a feature of {largest:,.0f} is more than float16 holds; extract with --dtype float32"
                if np.isfinite(largest)
                else "a feature is not finite"
            )

    def _fail(self, place: int, error: str) -> None:
        self.errors[place] = error
        tick()


def _size(source: Source, body: str, views: Sequence[str]) -> Size | str:
    """Height and width of a picture, or what is wrong with it."""
    try:
        return source_size(source, body, views)
    except (InvalidInput, PictureError) as error:
        return reason(error)


def _decoded(wanted: tuple[Source, Size]) -> Decoded | str:
    """A picture, or what is wrong with it."""
    try:
        return decoded(*wanted)
    except PictureError as error:
        return reason(error)
