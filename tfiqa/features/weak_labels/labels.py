"""One reference: its versions made or read, measured and encoded."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa import distortions
from tfiqa.distortions.levels import LEVELS, NUMBERS
from tfiqa.errors import InvalidInput, PictureError
from tfiqa.features.clock import Clock
from tfiqa.features.weak_labels.draw import distortion_seed, picture_digest
from tfiqa.features.weak_labels.png import png_bytes
from tfiqa.features.weak_labels.references import Pristine, Reference, Version
from tfiqa.features.weak_labels.settings import Settings
from tfiqa.features.weak_labels.shrink import shrunk
from tfiqa.full_reference import MEASURES, measure_all
from tfiqa.images.decode import decode_picture
from tfiqa.images.picture_file import read_picture_file

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB
MEASURED_AT_ONCE = len(LEVELS)


@dataclass(frozen=True)
class Label:
    """What a record holds.

    Args:
        place: among the reference's versions.
        row: its cells, by column.
        picture: encoded without loss; for a picture that was read, its file.
    """

    place: int
    row: dict[str, Any]
    picture: bytes


@dataclass(frozen=True)
class Failure:
    """A picture without a label.

    Args:
        picture: the file.
        error: why.
    """

    picture: str
    error: str


@dataclass(frozen=True)
class _Ready:
    """A version that waits to be measured.

    Args:
        place: as in `Label`.
        version: it.
        pixels: of it.
        file: what it was read from, or None.
        seed: what it was made with, or None.
    """

    place: int
    version: Version
    pixels: Pixels
    file: bytes | None = None
    seed: int | None = None


class Labeller:
    """Labels the versions of one reference.

    Args:
        reference: it.
        settings: how.
        clock: counts the time.
    """

    def __init__(self, reference: Reference, settings: Settings, clock: Clock) -> None:
        self._reference = reference
        self._settings = settings
        self._clock = clock

    def outcomes(self) -> Iterator[list[Label | Failure]]:
        """What comes of the versions, those that are measured together at a time.

        The levels of one type are measured together, and nothing else with them: so a score depends on these pictures
        alone, to the last bit.
        """
        versions = self._reference.versions
        listed = () if isinstance(versions, Pristine) else versions
        is_measured = not listed or any(version.scores is None for version in listed)
        try:
            if is_measured or any(version.needs_reference for version in listed):
                with self._clock("decode"):
                    self._read_reference(is_measured)
        except (PictureError, InvalidInput) as error:
            yield [Failure(self._reference.path, _reason(error))]
            planned = [(place, version) for place, version in enumerate(listed) if not version.needs_reference]
        else:
            drawn = versions.draw_versions(self._digest) if isinstance(versions, Pristine) else versions
            planned = list(enumerate(drawn))
        for _, same_type in groupby(planned, key=lambda each: each[1].distortion):
            together = list(same_type)
            for start in range(0, len(together), MEASURED_AT_ONCE):
                yield list(self._label(together[start : start + MEASURED_AT_ONCE]))

    def _read_reference(self, is_measured: bool) -> None:
        path = self._reference.path
        data = read_picture_file(path, path)
        self._digest = picture_digest(self._settings.seed, os.path.basename(path), data)
        self._pixels = decode_picture(data, name=path)
        if self._settings.size:
            self._pixels = shrunk(self._pixels, *self._settings.size)
        if is_measured:
            _check_size(self._pixels, self._settings.measures)

    def _label(self, versions: Sequence[tuple[int, Version]]) -> Iterator[Label | Failure]:
        ready: list[_Ready] = []
        for place, version in versions:
            try:
                ready.append(self._make(place, version) if version.path is None else self._read(place, version))
            except (PictureError, InvalidInput) as error:
                yield self._failure(version, _reason(error))
            except Exception as error:  # work of days must not end at one odd picture
                yield self._failure(version, f"{type(error).__name__}: {error}")
        try:
            measured = self._scores(ready)
        except tf.errors.ResourceExhaustedError:
            yield from (self._failure(each.version, "what is computed does not fit into memory") for each in ready)
            return
        for each, scores in zip(ready, measured, strict=True):
            gaps = [
                name for name, score in zip(self._settings.measures, scores, strict=True) if not math.isfinite(score)
            ]
            if gaps:
                yield self._failure(each.version, f"no score by {', '.join(gaps)}")
                continue
            row = self._row(each, scores)
            with self._clock("encode"):
                picture = png_bytes(each.pixels) if each.file is None else each.file
            yield Label(each.place, row, picture)

    def _read(self, place: int, version: Version) -> _Ready:
        path = str(version.path)
        with self._clock("decode"):
            data = read_picture_file(path, path)
            pixels = decode_picture(data, name=path)
        if version.scores is None and pixels.shape != self._pixels.shape:
            raise InvalidInput(
                f"has {_size(pixels)} pixels, its reference {self._reference.path} {_size(self._pixels)}"
            )
        return _Ready(place, version, pixels, file=data)

    def _make(self, place: int, version: Version) -> _Ready:
        seed = distortion_seed(self._digest, version.level)
        with self._clock("distort"):
            pixels = distortions.apply(version.distortion, self._pixels, version.level, seed)
        return _Ready(place, version, pixels, seed=seed)

    def _scores(self, ready: Sequence[_Ready]) -> list[tuple[float, ...]]:
        """By version its scores in the order of the measures; NaN where there is none."""
        given = [each.version.scores for each in ready if each.version.scores is not None]
        if given or not ready:
            return given
        measures = self._settings.measures
        with self._clock("measure"):
            pictures = np.stack([each.pixels for each in ready])
            columns = measure_all(self._pixels[np.newaxis], pictures, measures=measures)
            return [tuple(map(float, row)) for row in np.stack([columns[name] for name in measures], axis=1)]

    def _row(self, ready: _Ready, scores: Sequence[float]) -> dict[str, Any]:
        version = ready.version
        return {
            "image": version.image,
            "reference": self._reference.key,
            "distortion": version.distortion,
            "level": version.level,
            "type": NUMBERS.get(version.distortion),
            "seed": ready.seed,
            **asdict(version.carried),
            **dict(zip(self._settings.measures, scores, strict=True)),
        }

    def _failure(self, version: Version, reason: str) -> Failure:
        if version.path is not None:
            return Failure(version.path, reason)
        return Failure(self._reference.path, f"{version.distortion} at level {version.level}: {reason}")


def _check_size(pixels: Pixels, measures: Sequence[str]) -> None:
    """Raises InvalidInput where a picture is too small for a measure."""
    smallest = {name: MEASURES.get(name).value.smallest_side for name in measures}
    name = max(measures, key=smallest.__getitem__)
    if min(pixels.shape[:2]) < smallest[name]:
        raise InvalidInput(f"{_size(pixels)} pixels are too few for {name} (sides of at least {smallest[name]})")


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, PictureError) else str(error)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
