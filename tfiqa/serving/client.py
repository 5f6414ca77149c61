"""Asking a TensorFlow Serving REST server for scores, with nothing but Python's own HTTP client."""

from __future__ import annotations

import base64
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

from tfiqa.errors import InvalidInput
from tfiqa.images.exif import read_exif
from tfiqa.images.exif_encoding import encode_exif
from tfiqa.serving.errors import PredictionError
from tfiqa.serving.graph_bytes import graph_bytes


class PredictClient:
    """Sends pictures to one model of a server.

    Args:
        url: the server, such as "http://localhost:8501".
        model: the model's name there.
        version: the version to ask; None asks the newest one.
        signature: a signature with one string input, which takes encoded pictures.
        timeout_seconds: how long to wait for each answer.

    Raises:
        InvalidInput: `url` is no http or https address.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        signature: str = "serving_default",
        timeout_seconds: float = 60.0,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InvalidInput(f"a server's address begins with http:// or https://. Received: {url!r}")
        at_version = "" if version is None else f"/versions/{version}"
        self._server = url.rstrip("/")
        self._model_url = f"{self._server}/v1/models/{quote(model, safe='')}{at_version}"
        self._signature_name = signature
        self._timeout_seconds = timeout_seconds

    def score_files(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        other_inputs: Sequence[Mapping[str, Any]] | None = None,
        batch_size: int = 8,
    ) -> list[dict[str, Any]]:
        """Scores picture files.

        A file is sent as it is when the served graph can decode it; any other picture is decoded here, turned upright
        and sent as PNG.

        Args:
            paths: the files.
            other_inputs: for a model with further inputs, such as boxes: one mapping for each file, values by name. A
                model's input `exif` is the file's own EXIF unless it is given here.
            batch_size: how many pictures one request holds.

        Returns:
            One dictionary for each file: the model's outputs by name.

        Raises:
            PictureError: a file that is missing or is no picture.
            PredictionError: the server cannot be reached, or refuses; a picture that it refuses opens the text.
            InvalidInput: the model's inputs are not those of a picture scorer, or `other_inputs` does not fit.
        """
        if batch_size < 1:
            raise InvalidInput(f"batch_size must be at least 1. Received: {batch_size}")
        others = [{}] * len(paths) if other_inputs is None else other_inputs
        if len(others) != len(paths):
            raise InvalidInput(
                f"other_inputs must hold one mapping for each of {len(paths)} files. Received: {len(others)}"
            )
        scores: list[dict[str, Any]] = []
        for start in range(0, len(paths), batch_size):
            chosen = slice(start, start + batch_size)
            names = [os.fspath(path) for path in paths[chosen]]
            instances = [
                {self._picture_input: _as_json(name), **self._own_exif(name), **more}
                for name, more in zip(names, others[chosen], strict=True)
            ]
            scores += self._score(names, instances)
        return scores

    def predict(self, instances: Sequence[Any]) -> list[Any]:
        """The server's predictions for instances in row form. Raises PredictionError."""
        body = json.dumps({"signature_name": self._signature_name, "instances": list(instances)}).encode()
        answer = self._ask(f"{self._model_url}:predict", body)
        if not isinstance(answer, dict) or not isinstance(answer.get("predictions"), list):
            raise PredictionError(f"{self._server} answered without predictions")
        return answer["predictions"]

    def _score(self, names: list[str], instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
        inputs, outputs = self._signature["inputs"], self._signature["outputs"]
        for name, instance in zip(names, instances, strict=True):
            if instance.keys() != inputs.keys():
                raise InvalidInput(
                    f"{name}: the model takes {', '.join(sorted(inputs))}. Received: {', '.join(sorted(instance))}"
                )
        sent = instances if len(inputs) > 1 else [instance[self._picture_input] for instance in instances]
        try:
            predictions = self.predict(sent)
        except _Refused as error:
            if len(names) == 1:
                raise PredictionError(f"{names[0]}: {error}") from error
            for name, instance in zip(
                names, instances, strict=True
            ):  # one bad picture fails them all: find and name it
                self._score([name], [instance])
            raise
        return [row if len(outputs) > 1 else {next(iter(outputs)): row} for row in predictions]

    def _own_exif(self, name: str) -> dict[str, list[float]]:
        """The picture's EXIF for a model that takes it, NaN where a value is missing."""
        return {"exif": encode_exif(read_exif(name)).tolist()} if "exif" in self._signature["inputs"] else {}

    @cached_property
    def _signature(self) -> dict[str, dict[str, Any]]:
        answer = self._ask(f"{self._model_url}/metadata")
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
        except (KeyError, TypeError) as error:
            raise PredictionError(f"{self._server} does not answer like TensorFlow Serving") from error
        if self._signature_name not in signatures:
            raise InvalidInput(
                f"the model has no signature {self._signature_name!r}; it has {', '.join(sorted(signatures))}"
            )
        return signatures[self._signature_name]

    @cached_property
    def _picture_input(self) -> str:
        texts = [name for name, info in self._signature["inputs"].items() if info["dtype"] == "DT_STRING"]
        if len(texts) != 1:
            raise InvalidInput(
                f"signature {self._signature_name!r} does not take encoded pictures: it has {len(texts)} string inputs"
            )
        return texts[0]

    def _ask(self, url: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_seconds) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise _Refused(_server_reason(error)) from error
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise PredictionError(f"cannot reach {self._server}: {reason}") from error
        except ValueError as error:
            raise PredictionError(f"{self._server} does not answer in JSON") from error


class _Refused(PredictionError):
    """An answer of the server that is an error."""


def _as_json(name: str) -> dict[str, str]:
    return {"b64": base64.b64encode(graph_bytes(name, name=name)).decode()}


def _server_reason(error: urllib.error.HTTPError) -> str:
    """The first line of the server's own error text, or the HTTP status where it gives none."""
    try:
        text = str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError, OSError):
        text = f"HTTP status {error.code}"
    return text.strip().partition("\n")[0]
