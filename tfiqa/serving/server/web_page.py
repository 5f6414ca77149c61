"""The server's page for people: photographs in, their scores to look at. Its files, and what it asks about the models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from tfiqa.errors import CheckpointError
from tfiqa.models.model_info import ModelInfo
from tfiqa.serving.package import read_card
from tfiqa.serving.server.loaded_model import LoadedModel, Signature
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.served_model import State
from tfiqa.serving.server.status import StatusError

DEFAULT_MAX_BODY_BYTES: Final = 64 * 2**20  # of one request, which holds one photograph in base64
FOLDER: Final = Path(__file__).parent / "page"
PICTURE_INPUT: Final = "image_bytes"  # in the signatures of `tfiqa export`
MAP_SIGNATURE: Final = "map"
BOXES_SIGNATURE: Final = "boxes"

_CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Everything comes from this server; `blob:` are the photographs, which the page shows without sending them anywhere else.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a newer server's page is taken up at once
}


@dataclass(frozen=True)
class PageResponse:
    """An HTTP response; `headers` holds those besides the content type."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str]


class WebPage:
    """Answers the requests that the page consists of and makes, but for the predictions.

    Args:
        store: the models.
        labels_of: the version labels of a model by its name, as clients may ask for them.
        max_body_bytes: the page refuses photographs whose request would be larger.
    """

    def __init__(
        self,
        store: ModelStore,
        *,
        labels_of: Callable[[str], Mapping[str, int]] = lambda name: {},
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    ) -> None:
        self._store = store
        self._labels_of = labels_of
        self._max_body_bytes = max_body_bytes
        self._files = {f"/page/{path.name}": path.read_bytes() for path in FOLDER.iterdir() if path.is_file()}
        self._files["/"] = self._files.pop("/page/index.html")

    def response(self, method: str, path: str) -> PageResponse | None:
        """The answer to a request, or None when it is not one of the page's.

        Args:
            method: GET or HEAD; the body is the same for both, and sent for GET only.
            path: as in the request line; a query string is passed over.
        """
        if method not in ("GET", "HEAD"):
            return None
        path = path.partition("?")[0]
        if path == "/page/models":
            return PageResponse(HTTPStatus.OK, self._models(), "application/json", _HEADERS)
        if path not in self._files:
            return None
        kind = _CONTENT_TYPES[".html" if path == "/" else Path(path).suffix]
        return PageResponse(HTTPStatus.OK, self._files[path], kind, _HEADERS)

    def _models(self) -> bytes:
        document = {
            "models": [self._model(name) for name in self._store.names()],
            "limits": {"max_body_bytes": self._max_body_bytes},
        }
        return json.dumps(document).encode()

    def _model(self, name: str) -> dict[str, Any]:
        """A model's available versions, newest first, and the labels of these."""
        versions: dict[int, dict[str, Any]] = {}
        for number in self._available(name):
            try:
                with self._store.borrow(name, number) as (_, model):
                    versions[number] = _version(number, model)
            except StatusError:  # unloaded since
                continue
        labels = {label: str(number) for label, number in self._labels_of(name).items() if number in versions}
        return {"name": name, "versions": list(versions.values()), "labels": labels}

    def _available(self, name: str) -> list[int]:
        try:
            return [status.version for status in self._store.statuses(name) if status.state is State.AVAILABLE]
        except StatusError:  # no version was ever there
            return []


def _version(number: int, model: LoadedModel) -> dict[str, Any]:
    """What the page knows of one version; scale and columns are None for a SavedModel that tfiqa did not export."""
    info = _info(model)
    inputs = {name: _picture_input(signature, any_name=info is None) for name, signature in model.signatures.items()}
    signatures = {name: _signature(model.signatures[name], of) for name, of in inputs.items() if of is not None}
    return {
        "version": str(number),  # beyond 2**53 a number would not arrive whole
        "model": None if info is None else info.model,
        "scale": None if info is None or info.scale is None else info.scale.to_dict(),
        "columns": None if info is None else {name: list(columns) for name, columns in info.columns.items()},
        "signatures": signatures,
        "has_map": MAP_SIGNATURE in signatures,
        "has_boxes": BOXES_SIGNATURE in signatures,
    }


def _info(model: LoadedModel) -> ModelInfo | None:
    try:
        return read_card(model.folder)
    except CheckpointError:
        return None


def _picture_input(signature: Signature, any_name: bool) -> str | None:
    """The name of the input that takes encoded photographs: `image_bytes`, or the only string input where `any_name` counts."""
    texts = [name for name, info in signature.inputs.items() if info.dtype == tf.string]
    if PICTURE_INPUT in texts:
        return PICTURE_INPUT
    return texts[0] if any_name and len(texts) == 1 else None


def _signature(signature: Signature, picture_input: str) -> dict[str, Any]:
    """The picture input, all inputs with their shapes, and the outputs' names."""
    shapes = {name: None if info.shape is None else list(info.shape) for name, info in signature.inputs.items()}
    return {"picture_input": picture_input, "inputs": shapes, "outputs": list(signature.outputs)}
