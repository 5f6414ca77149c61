"""Pictures in requests to a served model: a few in each, several requests at a time, one answer for each picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tfiqa.errors import InvalidInput, PictureError, UnsupportedPicture
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, read_picture_file
from tfiqa.images.exif import read_exif
from tfiqa.images.exif_encoding import encode_exif
from tfiqa.in_order import map_in_order
from tfiqa.serving.error_output import ERROR
from tfiqa.serving.errors import NotScored, PredictionError, RequestRefused
from tfiqa.serving.graph_bytes import graph_bytes, upright_png

if TYPE_CHECKING:
    from tfiqa.serving.client import PredictClient

Outputs = dict[str, np.ndarray]
Item = tuple[str | os.PathLike[str], Mapping[str, Any]]  # a file, and its values for further inputs

MAX_REQUEST_BYTES = 32 << 20  # of encoded pictures; a larger one has a request of its own
BATCH_SIZE = 4  # half of what our exported batching configuration takes, so that a server can merge requests
WORKERS = 2  # while the server scores one request, the next is read and sent


@dataclass(frozen=True)
class _Picture:
    """A picture as it is sent.

    Args:
        name: what errors call it.
        data: encoded, as the graph reads it.
        others: further inputs, without first dimension N.
        original: whether these are the file's own bytes, so that Pillow may read them where TensorFlow does not.
    """

    name: str
    data: bytes
    others: dict[str, np.ndarray]
    original: bool


class PictureRequests:
    """Asks a served model about pictures.

    Args:
        client: asks the model.
        batch_size: how many pictures one request holds at most.
        workers: requests at a time.
        max_pixels: larger pictures are refused here.

    Raises InvalidInput for a model that does not take encoded pictures, PredictionError when it is not there.
    """

    def __init__(
        self,
        client: PredictClient,
        *,
        batch_size: int = BATCH_SIZE,
        workers: int = WORKERS,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        if batch_size < 1 or workers < 1:
            raise InvalidInput(f"batch_size and workers must be at least 1. Received: {batch_size} and {workers}")
        self._client = client
        self._batch_size = batch_size
        self._workers = workers
        self._max_pixels = max_pixels
        self._picture_input = client.picture_input
        self._others = client.signature.inputs.keys() - {self._picture_input}
        outputs = client.signature.outputs
        self._tells_errors = ERROR in outputs and outputs[ERROR].dtype == "DT_STRING"
        self._lost: str | None = None  # why nothing is asked any more

    def answers(self, items: Iterable[Item]) -> Iterator[Outputs | PictureError]:
        """The model's outputs for each picture, without first dimension N, or its error; in order and as they come.

        When the server stays away in spite of all retries, the pictures left are errors at once.

        Raises InvalidInput when an item has other inputs than the model.
        """
        remaining = iter(items)
        groups = iter(lambda: list(islice(remaining, self._batch_size)), [])
        for answers in map_in_order(self._group_answers, groups, self._workers, on_interrupt=self._client.close):
            yield from answers

    def _group_answers(self, items: list[Item]) -> list[Outputs | PictureError]:
        """Of the pictures of one request, or of several where they are too large for one."""
        answers: list[Outputs | PictureError] = []
        batch: list[_Picture] = []
        for path, others in items:
            picture = self._prepared(path, others)
            if batch and not (isinstance(picture, _Picture) and len(batch) < self._batch_size and _fit(batch, picture)):
                answers += self._ask(batch)
                batch = []
            if isinstance(picture, _Picture):
                batch.append(picture)
            else:
                answers.append(picture)
        return answers + self._ask(batch)

    def _prepared(self, path: str | os.PathLike[str], others: Mapping[str, Any]) -> _Picture | PictureError:
        name = os.fspath(path)
        if self._lost is not None:  # not even read
            return NotScored(name, self._lost)
        try:
            data = read_picture_file(path, name)
            sent = graph_bytes(data, name=name, max_pixels=self._max_pixels)
            if "exif" in self._others and "exif" not in others:
                others = {"exif": encode_exif(read_exif(data, name=name)), **others}
        except PictureError as error:
            return error
        if others.keys() != self._others:
            takes, has = (", ".join(sorted({self._picture_input, *names})) for names in (self._others, others))
            raise InvalidInput(f"{name}: the model takes {takes}. Received: {has}")
        arrays = {key: np.asarray(values) for key, values in others.items()}
        return _Picture(name, sent, arrays, original=sent is data)

    def _ask(self, pictures: list[_Picture]) -> list[Outputs | PictureError]:
        """The answers to one request; where that fails for another reason than the server's absence, to one for each picture."""
        if not pictures:
            return []
        if self._lost is not None:
            return [NotScored(picture.name, self._lost) for picture in pictures]
        try:
            outputs = self._predict(pictures)
        except PredictionError as error:
            if not isinstance(error, RequestRefused):
                self._batch_size = 1  # if the server is there, it is slow
            if not isinstance(error, RequestRefused) or error.not_found:
                self._look_for_model()
            if self._lost is not None or len(pictures) > 1:
                return [answer for picture in pictures for answer in self._ask([picture])]
            if isinstance(error, RequestRefused):
                return [self._once_more(pictures[0], NotScored(pictures[0].name, error.reason))]
            return [NotScored(pictures[0].name, str(error))]
        errors = [text.decode(errors="replace") for text in outputs.pop(ERROR)] if self._tells_errors else []
        answers: list[Outputs | PictureError] = []
        for row, picture in enumerate(pictures):
            if errors and errors[row]:
                answers.append(self._once_more(picture, UnsupportedPicture(picture.name, errors[row])))
            else:
                answers.append({name: values[row] for name, values in outputs.items()})
        return answers

    def _predict(self, pictures: list[_Picture]) -> Outputs:
        inputs: dict[str, Any] = {self._picture_input: [picture.data for picture in pictures]}
        for name in self._others:
            inputs[name] = np.stack([picture.others[name] for picture in pictures])
        outputs = self._client.predict(inputs)
        if any(values.ndim < 1 or len(values) != len(pictures) for values in outputs.values()):
            raise PredictionError(f"{self._client.url} does not answer with one value for each picture")
        return outputs

    def _once_more(self, picture: _Picture, error: PictureError) -> Outputs | PictureError:
        """The answer to a picture that the server did not take, as Pillow's PNG: it forgives damage that TensorFlow does not."""
        if not picture.original:
            return error
        try:
            png = upright_png(picture.data, name=picture.name, max_pixels=self._max_pixels)
        except PictureError as better:
            return better
        return self._ask([replace(picture, data=png, original=False)])[0]

    def _look_for_model(self) -> None:
        """Notes when the server or the model is gone: nothing more is asked."""
        try:
            self._client.check()
        except PredictionError as error:
            self._lost = str(error)


def _fit(batch: list[_Picture], picture: _Picture) -> bool:
    """Whether one request can hold a further picture."""
    alike = all(values.shape == batch[0].others[name].shape for name, values in picture.others.items())
    return alike and sum(len(each.data) for each in (*batch, picture)) <= MAX_REQUEST_BYTES
