"""Asking a TensorFlow Serving server for scores, over REST or gRPC."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tfiqa.errors import InvalidInput, PictureError
from tfiqa.models.model_info import ModelInfo
from tfiqa.serving.errors import PredictionError
from tfiqa.serving.score_rows import are_finite, not_finite
from tfiqa.serving.transport import Retries, ServedSignature, Transport

TIMEOUT_SECONDS = 60.0
LONGEST_TIMEOUT_SECONDS = 1e6  # sockets take little more than twice as long
RETRIES = 5  # with their pauses about 8 seconds: a restart of a server whose model loads fast
CARD = "card"  # signature and output of models that `tfiqa export` wrote, see `serving.package`


class PredictClient:
    """Asks one model of a server; may be used by several threads at a time, and as a context that closes it.

    A request that finds no server, or one that is too busy (HTTP 429 and 503; RESOURCE_EXHAUSTED and UNAVAILABLE), is sent
    again after pauses that grow. What a server refuses is not asked again.

    Args:
        url: the server: "http://localhost:8501" (or https) for REST, "grpc://localhost:8500" for gRPC, which needs the extra
            `serving` and is not encrypted.
        model: the model's name there.
        version: the version to ask; None asks the newest one.
        label: or the label of the version to ask.
        signature: a signature with one string input, which takes encoded pictures.
        timeout_seconds: the longest that a request may take, with all its retries.
        retries: how often a request is sent again.

    Raises:
        InvalidInput: `url` is no such address, a version and a label are given, or a number is none of these.
        MissingPackage: the extra `serving` is not installed.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = "serving_default",
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        if version is not None and label is not None:
            raise InvalidInput("a version is named by its number or by its label, not by both")
        if version is not None and not 0 <= version < 2**63:
            raise InvalidInput(f"a version is a number from 0 to 2**63 - 1. Received: {version}")
        if not 0 < timeout_seconds <= LONGEST_TIMEOUT_SECONDS:
            raise InvalidInput(
                f"a timeout is up to {LONGEST_TIMEOUT_SECONDS:,.0f} seconds, and more than none. Received: {timeout_seconds}"
            )
        if retries < 0:
            raise InvalidInput(f"a number of retries is 0 or more. Received: {retries}")
        self.url = url.rstrip("/")
        self.model = model
        self._signature_name = signature
        again = Retries(self.url, retries=retries, timeout_seconds=timeout_seconds)
        self._transport = _transport(self.url, model, version, label, again)

    def __enter__(self) -> PredictClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends at once what other threads are asking, with a PredictionError there, and all connections."""
        self._transport.close()

    @cached_property
    def signature(self) -> ServedSignature:
        """The inputs and outputs of the signature that is asked. Raises PredictionError, InvalidInput when there is none."""
        signatures = self._signatures
        if self._signature_name not in signatures:
            raise InvalidInput(
                f"the model has no signature {self._signature_name!r}; it has {', '.join(sorted(signatures))}"
            )
        return signatures[self._signature_name]

    @cached_property
    def info(self) -> ModelInfo | None:
        """What a model that `tfiqa export` wrote says of itself; None for any other. Raises PredictionError."""
        if CARD not in self._signatures:
            return None
        request = {"request": np.array([b""], object)}
        answer = self._transport.predict(CARD, self._signatures[CARD], request)
        try:
            return ModelInfo.from_dict(json.loads(answer[CARD][0]))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise PredictionError(f"{self.url}: the card of {self.model} cannot be read") from error

    @cached_property
    def picture_input(self) -> str:
        """The name of the input that takes encoded pictures. Raises InvalidInput when there is none, PredictionError."""
        texts = [name for name, info in self.signature.inputs.items() if info.dtype == "DT_STRING"]
        if len(texts) != 1:
            raise InvalidInput(
                f"signature {self._signature_name!r} does not take encoded pictures: it has {len(texts)} string inputs"
            )
        return texts[0]

    def check(self) -> None:
        """Asks whether the model is there. Raises PredictionError when it is not."""
        self._transport.signatures()

    def predict(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Asks for one batch, in one request.

        Args:
            inputs: for each input of the signature its values, with first dimension N; pictures as a list of bytes.

        Returns:
            The outputs by name, in the signature's types; strings as objects (bytes).

        Raises:
            RequestRefused: the server does not do what is asked.
            PredictionError: the server gave no answer in spite of all retries, or no sound one.
            InvalidInput: the model's inputs have other names.
        """
        expected = self.signature.inputs
        if inputs.keys() != expected.keys():
            raise InvalidInput(f"the model takes {', '.join(sorted(expected))}. Received: {', '.join(sorted(inputs))}")
        arrays = {name: np.asarray(values, expected[name].numpy_dtype) for name, values in inputs.items()}
        outputs = self._transport.predict(self._signature_name, self.signature, arrays)
        announced = self.signature.outputs
        if outputs.keys() != announced.keys() or not all(info.takes(outputs[name]) for name, info in announced.items()):
            raise PredictionError(f"{self.url} answers with other outputs than {self.model} had at first")
        return outputs

    def score_files(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        other_inputs: Sequence[Mapping[str, Any]] | None = None,
        batch_size: int = 4,
        workers: int = 2,
    ) -> list[dict[str, Any]]:
        """Scores picture files.

        A file is sent as it is when the served graph can decode it; any other picture is decoded here, turned upright
        and sent as PNG, and so is one that the server finds damaged, before it counts as such.

        Args:
            paths: the files.
            other_inputs: for a model with further inputs, such as boxes: one mapping for each file, values by name. A
                model's input `exif` is the file's own EXIF unless it is given here.
            batch_size: how many pictures one request holds at most.
            workers: requests at a time.

        Returns:
            One dictionary for each file: the model's outputs by name, numbers or texts, or lists of such.

        Raises:
            PictureError: a file that is missing, is no picture, or that the server did not score; one whose scores are not
                finite, from a model that `tfiqa export` wrote.
            PredictionError: the server cannot be reached, or has no such model.
            InvalidInput: the model's inputs are not those of a picture scorer, or `other_inputs` does not fit.
        """
        from tfiqa.serving.picture_requests import PictureRequests

        others = [{}] * len(paths) if other_inputs is None else other_inputs
        if len(others) != len(paths):
            raise InvalidInput(
                f"other_inputs must hold one mapping for each of {len(paths)} files. Received: {len(others)}"
            )
        requests = PictureRequests(self, batch_size=batch_size, workers=workers)
        scores = []
        for path, answer in zip(paths, requests.answers(zip(paths, others, strict=True)), strict=True):
            if isinstance(answer, PictureError):
                raise answer
            if self._lacks_scores(answer):
                raise not_finite(os.fspath(path))
            scores.append({name: _plain(values) for name, values in answer.items()})
        return scores

    def _lacks_scores(self, outputs: Mapping[str, Any]) -> bool:
        """Whether one of the model's scores is not finite; of its other outputs, and of other models', NaN may be the answer."""
        odd = {name for name, values in outputs.items() if not are_finite(np.ravel(values).tolist())}
        return bool(odd) and self.info is not None and not odd.isdisjoint(self.info.columns)

    @cached_property
    def _signatures(self) -> dict[str, ServedSignature]:
        return self._transport.signatures()


def _plain(values: Any) -> Any:
    """An array's numbers, or its strings as text, in lists as it has dimensions."""
    if isinstance(values, bytes):
        return values.decode(errors="replace")
    return [_plain(each) for each in values] if np.ndim(values) else values.item()


def _transport(url: str, model: str, version: int | None, label: str | None, retries: Retries) -> Transport:
    scheme, separator, rest = url.partition("://") if url.isprintable() and " " not in url else ("", "", "")
    if not model:
        raise InvalidInput("the model's name at the server is empty")
    if separator and scheme in ("http", "https") and rest:
        from tfiqa.serving.rest_transport import RestTransport

        return RestTransport(url, model, version, label, retries)
    if separator and scheme == "grpc" and rest and "/" not in rest:
        from tfiqa.serving.grpc_transport import DEFAULT_PORT, GrpcTransport

        try:
            parts = urlsplit(url)
            target = rest if parts.port is not None else f"{rest.rstrip(':')}:{DEFAULT_PORT}"
        except ValueError as error:
            raise InvalidInput(f"not the address of a server: {url}") from error
        return GrpcTransport(target, model, version, label, retries)
    raise InvalidInput(
        f"a server's address is http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT. Received: {url!r}"
    )
