"""The REST interface as an aiohttp application.

The event loop only moves bytes: parsing, the run and the answer's text happen in a pool of threads.
"""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.example_inference import classify, regress
from tfiqa.serving.server.inference import Inference, ModelSpec
from tfiqa.serving.server.json_document import JsonDocument, parse_document
from tfiqa.serving.server.json_examples import classifications_answer, read_examples, regressions_answer
from tfiqa.serving.server.predict_answer import predict_answer
from tfiqa.serving.server.predict_request import is_row_form, read_inputs, requested_signature
from tfiqa.serving.server.rest_answers import error_answer, front_page, metadata_answer, status_answer
from tfiqa.serving.server.rest_paths import API_PREFIX, parse_target
from tfiqa.serving.server.status import Code, StatusError, invalid_argument

try:
    from aiohttp import web
except ModuleNotFoundError as error:
    raise ServerStartError(f"serving needs the package {error.name}: pip install 'tfiqa[serving]'") from error

logger = logging.getLogger(__name__)

REST_THREADS: Final = 4 * (os.cpu_count() or 1)  # TensorFlow Serving's --rest_api_num_threads
UNPACKED_LIMIT: Final = 100 * 2**20  # its limit for the content of a gzip body, in bytes


class RestApp:
    """Answers REST requests.

    Args:
        inference: runs the models; a predict request that takes longer than its timeout is answered with 504.
        threads: requests that are worked on at a time.
    """

    def __init__(self, inference: Inference, *, threads: int = REST_THREADS) -> None:
        self._inference = inference
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tfiqa-rest")

    def application(self) -> web.Application:
        """The aiohttp application. Its server must be run with `auto_decompress=False`."""
        application = web.Application(client_max_size=0)  # 0: a body may have any size
        application.router.add_route("*", "/{target:.*}", self._answer)
        application.on_cleanup.append(self._close)
        return application

    async def _close(self, _: web.Application) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, request: web.Request) -> web.Response:
        target = request.raw_path  # undecoded and with its query string, as the rules want it
        if target == "/" and request.method in ("GET", "HEAD"):
            page = await self._in_thread(partial(front_page, self._inference.store, request.host))
            return web.Response(body=page, content_type="text/plain", charset="utf-8")
        if not target.startswith(API_PREFIX):
            return web.Response(status=404, text="Not Found")
        if request.method == "OPTIONS":
            origin = request.headers.get("Origin", "")
            known = "http://" in origin or "https://" in origin
            return web.Response(status=200 if known else 400, content_type="application/json")
        try:
            body = await request.read()
        except (ConnectionError, web.RequestPayloadError):
            return _error_response(StatusError(Code.CANCELLED, "The connection ended within the request"))
        try:
            answer = await self._api_answer(request, target, body)
            return web.Response(body=answer, content_type="application/json")
        except StatusError as error:
            return _error_response(error)
        except Exception:
            logger.exception("failed to answer %s %s", request.method, target)
            return _error_response(StatusError(Code.INTERNAL, "Internal error; the server's log tells more"))

    async def _api_answer(self, request: web.Request, target: str, body: bytes) -> bytes:
        asked = parse_target(request.method, target)
        if asked.action == "status":
            return status_answer(self._inference.store.statuses(asked.model.name, asked.model.version))
        if asked.action == "metadata":
            return await self._in_thread(partial(_metadata, self._inference, asked.model))
        encoding = request.headers.get("Content-Encoding", "")
        deadline = self._inference.deadline(self._inference.timeout_seconds)
        run = self._in_thread(partial(_ANSWERS[asked.action], self._inference, asked.model, body, encoding, deadline))
        try:
            return await asyncio.wait_for(run, self._inference.timeout_seconds)
        except TimeoutError:
            raise StatusError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification") from None

    async def _in_thread(self, work: Callable[[], bytes]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _predict(inference: Inference, spec: ModelSpec, body: bytes, encoding: str, deadline: float) -> bytes:
    document = _document(body, encoding)
    name = requested_signature(document)
    with inference.borrow(spec) as (_, model):
        if name not in model.signatures:
            raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
        inputs = read_inputs(document, model.signatures[name])
        outputs = inference.run(model, name, inputs, deadline=deadline)
    return predict_answer(outputs, is_row_form(document))


def _classify(inference: Inference, spec: ModelSpec, body: bytes, encoding: str, deadline: float) -> bytes:
    document = _document(body, encoding)
    name, examples = requested_signature(document), read_examples(document)
    with inference.borrow(spec) as (_, model):
        return classifications_answer(classify(model, name, examples, partial(inference.run, model, deadline=deadline)))


def _regress(inference: Inference, spec: ModelSpec, body: bytes, encoding: str, deadline: float) -> bytes:
    document = _document(body, encoding)
    name, examples = requested_signature(document), read_examples(document)
    with inference.borrow(spec) as (_, model):
        return regressions_answer(regress(model, name, examples, partial(inference.run, model, deadline=deadline)))


_ANSWERS: Final = {"predict": _predict, "classify": _classify, "regress": _regress}


def _document(body: bytes, encoding: str) -> JsonDocument:
    return parse_document(_unpacked(body) if "gzip" in encoding.lower() else body)


def _metadata(inference: Inference, spec: ModelSpec) -> bytes:
    with inference.borrow(spec) as (version, model):
        return metadata_answer(spec.name, version, model)


def _unpacked(body: bytes) -> bytes:
    """A gzip body's content; nothing when it is broken or longer than UNPACKED_LIMIT, as TensorFlow Serving has it."""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(body, UNPACKED_LIMIT)
    except zlib.error:
        return b""
    return content if stream.eof else b""


def _error_response(error: StatusError) -> web.Response:
    return web.Response(status=error.code.http_status, body=error_answer(error), content_type="application/json")
