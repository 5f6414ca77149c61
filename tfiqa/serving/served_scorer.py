"""`ServedScorer`: what `Scorer` does with a model at hand, with a model of a server."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tfiqa.errors import InvalidInput
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.models.outputs import column_names, flat_outputs, label_names, labels
from tfiqa.serving.client import PredictClient
from tfiqa.serving.error_output import ERROR
from tfiqa.serving.errors import PredictionError
from tfiqa.serving.picture_requests import BATCH_SIZE, WORKERS, PictureRequests
from tfiqa.serving.score_rows import score_row
from tfiqa.serving.transport import TensorInfo


class ServedScorer:
    """Scores pictures by a model of a server. Needs no TensorFlow over REST.

    Args:
        client: asks the model.
        batch_size: how many pictures one request holds at most.
        workers: requests at a time.
        max_pixels: larger pictures are refused.

    Attributes:
        columns: names of a score row's numbers and labels: as `Scorer` has them for a model that `tfiqa export` wrote, else the
            names of the outputs, with _0, _1, ... where one has several numbers.
        scale: what the scores mean, in words.
        left_out: outputs of no fixed size, which are no columns.

    Raises PredictionError when the server or the model is not there, InvalidInput for a model that does not score pictures.
    """

    def __init__(
        self,
        client: PredictClient,
        *,
        batch_size: int = BATCH_SIZE,
        workers: int = WORKERS,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        self._requests = PictureRequests(client, batch_size=batch_size, workers=workers, max_pixels=max_pixels)
        self._info = client.info
        further = client.signature.inputs.keys() - {client.picture_input, "exif"}
        if further:
            raise InvalidInput(f"{client.model} takes more than pictures: {', '.join(sorted(further))}")
        self.left_out: tuple[str, ...] = ()
        if self._info is not None:
            missing = self._info.columns.keys() - client.signature.outputs.keys()
            if missing:
                raise PredictionError(f"{client.url}: {client.model} does not give {', '.join(sorted(missing))}")
            self.columns = (*column_names(self._info), *label_names(self._info))
            self.scale = str(self._info.scale)
            return
        self._columns = _columns(client.signature.outputs)
        self.columns = tuple(column for columns in self._columns.values() for column in columns)
        self.scale = "a model that says nothing of its scale"
        self.left_out = tuple(sorted(client.signature.outputs.keys() - {ERROR, *self._columns}))
        if not self.columns:
            raise InvalidInput(f"{client.model} has no output of a fixed size, so there is nothing for a table")

    def rows(self, pictures: Iterable[str | os.PathLike[str]]) -> Iterator[dict[str, Any]]:
        """One row a picture, in order and as they come: `path`, `self.columns` (None on error), `error` (None when scored).

        When the server stays away in spite of all retries, the pictures left are rows with that error.
        """
        names = [os.fspath(picture) for picture in pictures]
        for name, outputs in zip(names, self._requests.answers((name, {}) for name in names), strict=True):
            yield score_row(name, outputs, self.columns, self._values)

    def _values(self, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        if self._info is not None:
            return {**flat_outputs(outputs, self._info), **labels(outputs, self._info)}
        return {
            column: value.decode(errors="replace") if isinstance(value, bytes) else value
            for name, columns in self._columns.items()
            for column, value in zip(columns, np.ravel(outputs[name]).tolist(), strict=True)
        }


def _columns(outputs: Mapping[str, TensorInfo]) -> dict[str, tuple[str, ...]]:
    """For each output of a fixed size the names of its columns."""
    columns = {}
    for name, info in sorted(outputs.items()):
        if name in ("path", ERROR) or not info.shape or -1 in info.shape[1:]:
            continue
        size = int(np.prod(info.shape[1:]))
        columns[name] = (name,) if size == 1 else tuple(f"{name}_{number}" for number in range(size))
    return columns
