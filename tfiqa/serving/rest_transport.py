"""TensorFlow Serving's REST API, as its client sees it."""

from __future__ import annotations

import base64
import json
import socket
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import numpy as np
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from tfiqa.errors import InvalidInput
from tfiqa.serving.errors import PredictionError, RequestRefused
from tfiqa.serving.transport import NoAnswer, Retries, ServedSignature, TensorInfo

TOO_BUSY = (429, 503)  # RESOURCE_EXHAUSTED, UNAVAILABLE
LATE = 504  # DEADLINE_EXCEEDED
NOT_FOUND = 404
KEPT_CONNECTIONS = 32  # more requests than that at a time open connections of their own


class RestTransport:
    """Asks for a model over REST; connections are kept. See `Transport`.

    Args:
        url: the server, such as "http://localhost:8501"; a path may follow.
        model: the model's name there.
        version: the version to ask; None asks the newest one.
        label: or the label of the version to ask.
        retries: for the server.

    Raises InvalidInput for an address that cannot be one.
    """

    def __init__(self, url: str, model: str, version: int | None, label: str | None, retries: Retries) -> None:
        try:
            parsed = urllib3.util.parse_url(url)
            self._pool = urllib3.connection_from_url(url, maxsize=KEPT_CONNECTIONS, retries=False)
        except LocationValueError as error:
            raise InvalidInput(f"not the address of a server: {url}") from error
        chosen = f"/labels/{quote(label, safe='')}" if label is not None else ""
        chosen = f"/versions/{version}" if version is not None else chosen
        self._model = f"{(parsed.path or '').rstrip('/')}/v1/models/{quote(model, safe='')}{chosen}"
        self._retries = retries
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._keep_sockets()

    def signatures(self) -> dict[str, ServedSignature]:
        """See `Transport`."""
        answer = self._ask("GET", "/metadata")
        try:
            found = answer["metadata"]["signature_def"]["signature_def"]
            return {
                name: ServedSignature(_tensors(each.get("inputs", {})), _tensors(each.get("outputs", {})))
                for name, each in found.items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PredictionError(f"{self._retries.server} does not answer like TensorFlow Serving") from error

    def predict(self, name: str, signature: ServedSignature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Transport`. In column form, so that a single output keeps its name and its shape."""
        values = {key: _json_values(array) for key, array in inputs.items()}
        answer = self._ask("POST", ":predict", json.dumps({"signature_name": name, "inputs": values}).encode())
        try:
            outputs = answer["outputs"]
            columns = outputs if len(signature.outputs) > 1 else {next(iter(signature.outputs)): outputs}
            return {key: _array(columns[key], info) for key, info in signature.outputs.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise PredictionError(f"{self._retries.server} does not answer with the model's outputs") from error

    def close(self) -> None:
        """See `Transport`."""
        self._retries.stop()
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for its answer
        self._pool.close()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        def attempt(seconds: float) -> tuple[int, bytes]:
            try:
                answer = self._pool.urlopen(
                    method,
                    self._model + path,
                    body,
                    {"Content-Type": "application/json"} if body else {},
                    timeout=urllib3.Timeout(total=seconds),
                    redirect=False,
                    retries=False,
                )
            except NewConnectionError as error:
                raise NoAnswer(_reason(error)) from error
            except (ReadTimeoutError, ConnectTimeoutError) as error:
                raise TimeoutError from error
            except SSLError as error:
                raise PredictionError(f"no secure connection to {self._retries.server}: {error}") from error
            except HTTPError as error:
                raise NoAnswer(_reason(error)) from error
            if answer.status in TOO_BUSY:
                raise NoAnswer(_server_reason(answer.status, answer.data))
            return answer.status, answer.data

        status, data = self._retries.call(attempt)
        if status == LATE:
            raise PredictionError(f"no answer from {self._retries.server}: {_server_reason(status, data)}")
        if status != 200:
            raise RequestRefused(self._retries.server, _server_reason(status, data), not_found=status == NOT_FOUND)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise PredictionError(f"{self._retries.server} does not answer in JSON") from error

    def _keep_sockets(self) -> None:
        """Has new connections note their sockets for `close`: the pool forgets connections that are in use."""
        sockets, lock, retries = self._sockets, self._lock, self._retries

        class Noted(self._pool.ConnectionCls):  # type: ignore[name-defined]
            def connect(self) -> None:
                super().connect()
                with lock:
                    if retries.stopped:  # too late for `close` to see it
                        self.close()
                        raise OSError("closed")
                    sockets.add(self.sock)

        self._pool.ConnectionCls = Noted


def _tensors(infos: Mapping[str, Any]) -> dict[str, TensorInfo]:
    def shape(info: Mapping[str, Any]) -> tuple[int, ...] | None:
        stated = info["tensor_shape"]
        return None if stated.get("unknown_rank") else tuple(int(each["size"]) for each in stated.get("dim", ()))

    return {name: TensorInfo(info["dtype"], shape(info)) for name, info in infos.items()}


def _json_values(array: np.ndarray) -> Any:
    if array.dtype != object:
        return array.tolist()
    return [{"b64": base64.b64encode(value).decode()} for value in array]


def _array(values: Any, info: TensorInfo) -> np.ndarray:
    """An output of an answer as an array. Raises ValueError or TypeError for values of another kind."""
    if info.dtype != "DT_STRING":
        return np.asarray(values, info.numpy_dtype)

    def as_bytes(value: Any) -> bytes:
        return base64.b64decode(value["b64"]) if isinstance(value, dict) else str.encode(value)

    texts = np.asarray(values, object)
    return np.array([as_bytes(value) for value in texts.ravel()], object).reshape(texts.shape)


def _reason(error: BaseException) -> str:
    """The system's own words, which urllib3 wraps several times."""
    cause = error.__cause__ if isinstance(error, NewConnectionError) else None
    causes = [each for each in (cause, *error.args) if isinstance(each, Exception)]
    if causes:
        return _reason(causes[-1])
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    # What came instead of HTTP may be in the text, such as gRPC's bytes.
    return text if text.isprintable() else "it does not speak HTTP"


def _server_reason(status: int, data: bytes) -> str:
    """The first line of the server's own error text, or the HTTP status where it gives none."""
    try:
        text = str(json.loads(data)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        text = ""
    return text.strip().partition("\n")[0] or f"HTTP status {status}"
