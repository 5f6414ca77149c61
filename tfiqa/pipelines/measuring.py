"""Full-reference measures of many pairs of files: threads decode while the measures run, and memory stays bounded."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfiqa.errors import BrokenPicture, PictureError
from tfiqa.full_reference.measure import MEASURES, evaluate_all
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, decode_picture, picture_size
from tfiqa.in_order import map_in_order
from tfiqa.pipelines.picture_pairs import PicturePair

# Pairs measured in one pass, and the pixels of one side of them; with more, memory grows and speed does not.
BATCH_PAIRS = 16
BATCH_PIXELS = 4_000_000
# Read ahead, 6 bytes a pixel; at least one batch, however large.
WAITING_BATCHES = 8
WAITING_PIXELS = 48_000_000

Row = dict[str, Any]
Size = tuple[int, int]  # width and height
Decoded = Future[np.ndarray]


@dataclass(frozen=True)
class _Failed:
    """A pair that cannot be measured."""

    cells: Mapping[str, Any]
    error: str
    pixels = 0


@dataclass(frozen=True)
class _Sized:
    """A pair of pictures of one size, as their headers say."""

    cells: Mapping[str, Any]
    reference: Path
    distorted: Path
    size: Size

    @property
    def pixels(self) -> int:
        return math.prod(self.size)


@dataclass(frozen=True)
class _Batch:
    """Pairs of one size and their pictures, which threads decode."""

    pairs: list[_Sized]
    references: list[Decoded]
    distorted: list[Decoded]

    @property
    def pixels(self) -> int:
        return sum(pair.pixels for pair in self.pairs)


class PairMeasurer:
    """Runs measures on pairs of files.

    Consecutive pairs of one size are measured together; of consecutive pairs with one reference, it is decoded once,
    and the measures derive what they need from it once. None of this changes a score beyond rounding.

    Args:
        names: measures, as in `MEASURES`.
        max_pixels: larger pictures are refused.
        workers: threads that decode; by default one per processor.

    Raises:
        UnknownName: there is no such measure.
    """

    def __init__(
        self, names: Sequence[str], *, max_pixels: int = DEFAULT_MAX_PIXELS, workers: int | None = None
    ) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.max_pixels = max_pixels
        self.workers = workers or os.cpu_count() or 1
        self._smallest = {name: MEASURES.get(name).value.smallest_side for name in self.names}

    def rows(self, pairs: Iterable[PicturePair]) -> Iterator[Row]:
        """One row a pair, in order and as they come: the pair's `cells`, a score by measure, `error` (None when all is well).

        Where pictures cannot be read or differ in size all scores are None; where they are too small for some measures,
        those scores are. An infinite score, as of `psnr` for identical pictures, is a score.
        """
        waiting: deque[_Batch | _Failed] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            decoder = _Decoder(pool, self.max_pixels)
            try:
                for batch in _batches(map_in_order(_sized, pairs, self.workers)):
                    waiting.append(batch if isinstance(batch, _Failed) else decoder.start(batch))
                    while len(waiting) > 1 and (
                        len(waiting) > WAITING_BATCHES or sum(each.pixels for each in waiting) > WAITING_PIXELS
                    ):
                        yield from self._rows(waiting.popleft())
                while waiting:
                    yield from self._rows(waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)  # so that Ctrl-C need not wait for the rest

    def _rows(self, batch: _Batch | _Failed) -> Iterator[Row]:
        if isinstance(batch, _Failed):
            yield self._row(batch.cells, {}, batch.error)
            return
        errors = [_decoding_error(batch, place) for place in range(len(batch.pairs))]
        sound = [place for place, error in enumerate(errors) if not error]
        try:
            scores = self._scores(batch, sound)
        except tf.errors.ResourceExhaustedError:
            scores = {}
            for place in sound:
                errors[place] = f"{batch.pairs[place].distorted}: what is computed does not fit into memory"
        for place, (pair, error) in enumerate(zip(batch.pairs, errors, strict=True)):
            values = scores.get(place, {})
            yield self._row(pair.cells, values, error or self._gaps(pair, values))

    def _row(self, cells: Mapping[str, Any], values: Mapping[str, float], error: str | None) -> Row:
        return {**cells, **{name: values.get(name) for name in self.names}, "error": error}

    def _scores(self, batch: _Batch, places: Sequence[int]) -> dict[int, dict[str, float]]:
        """By place in the batch, the scores of the measures that have one."""
        side = min(batch.pairs[0].size)
        names = [name for name in self.names if side >= self._smallest[name]]
        if not names or not places:
            return {}
        is_shared = len({batch.pairs[place].reference for place in places}) == 1
        reference = np.stack([batch.references[place].result() for place in (places[:1] if is_shared else places)])
        distorted = np.stack([batch.distorted[place].result() for place in places])
        columns = {name: value.numpy() for name, value in evaluate_all(names, reference, distorted).items()}
        return {
            place: {name: float(values[row]) for name, values in columns.items() if not np.isnan(values[row])}
            for row, place in enumerate(places)
        }

    def _gaps(self, pair: _Sized, values: Mapping[str, float]) -> str | None:
        """What to say of the scores that a sound pair lacks; None where it has all."""
        width, height = pair.size
        small = [name for name in self.names if min(pair.size) < self._smallest[name]]
        undefined = [name for name in self.names if name not in values and name not in small]
        needs = ", ".join(f"{name} (sides of at least {self._smallest[name]})" for name in small)
        said = [f"{width}x{height} pixels are too few for {needs}"] if small else []
        said += [f"{', '.join(undefined)}: not a number"] if undefined else []
        return f"{pair.distorted}: {'; '.join(said)}" if said else None


class _Decoder:
    """Threads that decode; a reference that is asked for several times in a row is decoded once."""

    def __init__(self, pool: ThreadPoolExecutor, max_pixels: int) -> None:
        self._pool, self._max_pixels = pool, max_pixels
        self._last: tuple[Path, Decoded] | None = None

    def start(self, pairs: list[_Sized]) -> _Batch:
        """Sets the threads to work."""
        pictures = [(self._reference(pair.reference), self._decode(pair.distorted)) for pair in pairs]
        return _Batch(pairs, [one for one, _ in pictures], [other for _, other in pictures])

    def _reference(self, path: Path) -> Decoded:
        if self._last is None or path != self._last[0]:
            self._last = path, self._decode(path)
        return self._last[1]

    def _decode(self, path: Path) -> Decoded:
        return self._pool.submit(decode_picture, path, max_pixels=self._max_pixels)


def _sized(pair: PicturePair) -> _Sized | _Failed:
    """A pair with what the headers of its pictures say."""
    if pair.files is None:
        return _Failed(pair.cells, pair.error)
    sizes, errors = [], []
    for path in pair.files:
        try:
            sizes.append(picture_size(path))
        except PictureError as error:
            errors.append(str(error))
    if errors:
        return _Failed(pair.cells, "; ".join(errors))
    reference, distorted = pair.files
    if sizes[0] != sizes[1]:
        (width, height), (other_width, other_height) = sizes
        text = f"has {other_width}x{other_height} pixels, its reference {reference} {width}x{height}"
        return _Failed(pair.cells, f"{distorted}: {text}")
    return _Sized(pair.cells, reference, distorted, sizes[0])


def _batches(pairs: Iterable[_Sized | _Failed]) -> Iterator[list[_Sized] | _Failed]:
    """Runs of consecutive pairs that are measured together."""
    batch: list[_Sized] = []
    for pair in pairs:
        if batch and (isinstance(pair, _Failed) or not _joins(batch, pair)):
            yield batch
            batch = []
        if isinstance(pair, _Failed):
            yield pair
        else:
            batch.append(pair)
    if batch:
        yield batch


def _joins(batch: Sequence[_Sized], pair: _Sized) -> bool:
    """Whether a pair belongs to a batch: of its size and within the limits, and not where pairs with one reference,
    which are measured faster by themselves, would mix with others."""
    if pair.size != batch[0].size or len(batch) == BATCH_PAIRS or (len(batch) + 1) * pair.pixels > BATCH_PIXELS:
        return False
    repeats = pair.reference == batch[-1].reference
    return len(batch) == 1 or repeats == (batch[-1].reference == batch[-2].reference)


def _decoding_error(batch: _Batch, place: int) -> str | None:
    """Waits for the pictures of one pair; says what is wrong with them."""
    pair = batch.pairs[place]
    errors = []
    for path, decoded in ((pair.reference, batch.references[place]), (pair.distorted, batch.distorted[place])):
        try:
            height, width, _ = decoded.result().shape
            if (width, height) != pair.size:
                raise BrokenPicture(str(path), f"has {width}x{height} pixels, and states another size")
        except PictureError as error:
            errors.append(str(error))
    return "; ".join(errors) or None
