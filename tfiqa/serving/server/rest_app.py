"""The REST interface as a handler of aiohttp requests.

The event loop only moves bytes: parsing, the run and the answer's text happen in a pool of threads, except those of small
requests to models that do next to nothing, for which changing threads would take longer than all of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from functools import partial
from typing import Any, Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.health import LIVE_PATH, READY_PATH, live_answer, ready_answer
from tfiqa.serving.server.inference import Inference, ModelSpec
from tfiqa.serving.server.limits import DEFAULT_LIMITS, Limits
from tfiqa.serving.server.metrics import REQUEST_LATENCY
from tfiqa.serving.server.rest_answers import error_answer, front_page, metadata_answer, status_answer
from tfiqa.serving.server.rest_body import BodyError, read_body
from tfiqa.serving.server.rest_inference import infer
from tfiqa.serving.server.rest_paths import API_PREFIX, RestTarget, parse_target
from tfiqa.serving.server.status import Code, StatusError
from tfiqa.serving.server.web_page import WebPage
from tfiqa.serving.server.worker_pool import WorkerPool

try:
    from aiohttp import web
    from aiohttp.http_exceptions import HttpProcessingError as HttpProcessingError  # for the server of this handler
except ModuleNotFoundError as error:
    raise ServerStartError(f"serving needs the package {error.name}: pip install 'tfiqa[serving]'") from error

logger = logging.getLogger(__name__)

REST_THREADS: Final = 4 * (os.cpu_count() or 1)  # TensorFlow Serving's --rest_api_num_threads

_CORS: Final = {  # TensorFlow Serving's --rest_api_enable_cors_support
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_NOT_FOUND: Final = b"<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>"


class RestApp:
    """Answers REST requests. `handle` must be called from one event loop only.

    Args:
        inference: runs the models; without batching, a request that takes longer than its timeout is answered 504 at once.
        threads: requests that are worked on at a time.
        limits: what clients may take.
        cors: whether pages of other origins may read the answers.
        metrics_path: where the metrics are to be had; None leaves them out.
    """

    def __init__(
        self,
        inference: Inference,
        *,
        threads: int = REST_THREADS,
        limits: Limits = DEFAULT_LIMITS,
        cors: bool = False,
        metrics_path: str | None = None,
    ) -> None:
        self.running = 0  # requests under way
        self.shutting_down = False
        self._inference = inference
        self._limits = limits
        self._headers = _CORS if cors else None
        self._metrics_path = metrics_path
        self._page = WebPage(inference.store, labels_of=inference.store.labels, max_body_bytes=limits.max_body_bytes)
        self._waiting = 0  # of those under way, the ones that run a model
        self._threads: WorkerPool[Any] = WorkerPool(threads, "tfiqa-rest")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers a request."""
        self.running += 1
        try:
            response = await self._answer(request)
        except BodyError as error:
            response = _json_response(
                error_answer(StatusError(Code.INVALID_ARGUMENT, error.message)), error.http_status
            )
            response.force_close()  # what comes after the refused body cannot be told from the body
        except Exception:
            logger.exception("failed to answer %s %s", request.method, request.raw_path)
            response = _error_response(StatusError(Code.INTERNAL, "Internal error; the server's log tells more"))
        finally:
            self.running -= 1
        if self._headers is not None:
            response.headers.update(self._headers)
        if self.shutting_down:
            response.force_close()
        return response

    def stop(self) -> None:
        """Ends the threads, each once it has nothing to do."""
        self._threads.stop()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        target = request.raw_path  # undecoded and with its query string, as the rules want it
        if self._metrics_path is not None and target.partition("?")[0] == self._metrics_path:
            return self._metrics_response(target)
        if target[: len(API_PREFIX)].lower() != API_PREFIX:
            return await self._other_response(request, target)
        if request.method == "OPTIONS":
            origin = request.headers.get("Origin", "")
            known = "http://" in origin or "https://" in origin
            return web.Response(status=200 if known else 400, content_type="application/json")
        name, code = "", Code.OK
        try:
            asked = parse_target(request.method, target)
            name = asked.model.name
            return _json_response(await self._api_answer(request, asked))
        except StatusError as error:
            code = error.code
            return _error_response(error)
        except (ConnectionError, web.RequestPayloadError):
            code = Code.CANCELLED
            return _error_response(StatusError(code, "The connection ended within the request"))
        except BodyError:
            code = Code.INVALID_ARGUMENT
            raise
        except Exception:
            code = Code.INTERNAL
            raise
        finally:
            self._inference.metrics.count_request(name, code)

    async def _api_answer(self, request: web.BaseRequest, asked: RestTarget) -> bytes:
        if asked.action == "status":
            return status_answer(self._inference.store.statuses(asked.model.name, asked.model.version))
        if asked.action == "metadata":
            answer: bytes = await self._threads.run(partial(_metadata, self._inference, asked.model))
            return answer
        if self._waiting >= self._limits.max_waiting:
            raise StatusError(Code.UNAVAILABLE, f"{self._waiting} requests are under way already; try again later")
        self._waiting += 1
        try:
            return await self._inference_answer(request, asked)
        finally:
            self._waiting -= 1

    async def _inference_answer(self, request: web.BaseRequest, asked: RestTarget) -> bytes:
        inference = self._inference
        body = await read_body(request, self._limits)
        size = len(body)
        begin = time.monotonic()
        deadline = inference.deadline(inference.timeout_seconds)
        encoding = request.headers.get("Content-Encoding", "")
        work = partial(infer, inference, asked.action, asked.model, body, encoding, deadline)
        del body
        # What waits in a batch is told there that its time is over.
        patience = inference.timeout_seconds if inference.batching is None else None
        try:
            if not encoding and inference.is_quick(asked.model, size):  # a packed body may be much longer than it looks
                answer: bytes = work()  # done sooner than another thread would be awake
            else:
                async with asyncio.timeout(patience):
                    answer = await self._threads.run(work)
        except TimeoutError:
            raise StatusError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification") from None
        labels = asked.model.name, asked.action, "REST"
        inference.metrics.observe(REQUEST_LATENCY, (time.monotonic() - begin) * 1e6, labels)
        return answer

    def _metrics_response(self, target: str) -> web.Response:
        if target != self._metrics_path:
            text = f"Unexpected path: {target}. Should be {self._metrics_path}"
            return web.Response(status=400, body=text.encode("utf-8", "replace"), content_type="text/plain")
        return web.Response(body=self._inference.metrics.page().encode(), content_type="text/plain")

    async def _other_response(self, request: web.BaseRequest, target: str) -> web.Response:
        """The answer to what is not TensorFlow Serving's: health, and the pages for people."""
        if request.method in ("GET", "HEAD"):
            if target == LIVE_PATH:
                return _json_response(live_answer())
            if target == READY_PATH:
                ready, body = ready_answer(self._inference.store, shutting_down=self.shutting_down)
                return _json_response(body, 200 if ready else 503)
            if target == "/" and "text/html" not in request.headers.get("Accept", ""):
                text = await self._threads.run(partial(front_page, self._inference.store, request.host))
                return web.Response(body=text, content_type="text/plain", charset="utf-8")
            page = await self._threads.run(partial(self._page.response, request.method, target))
            if page is not None:
                headers = {**page.headers, "Content-Type": page.content_type}
                return web.Response(status=page.status, body=page.body, headers=headers)
        return web.Response(status=404, body=_NOT_FOUND, content_type="text/html")


def _metadata(inference: Inference, spec: ModelSpec) -> bytes:
    with inference.borrow(spec) as (version, model):
        return metadata_answer(spec.name, version, model)


def _json_response(body: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _error_response(error: StatusError) -> web.Response:
    return _json_response(error_answer(error), error.code.http_status)
