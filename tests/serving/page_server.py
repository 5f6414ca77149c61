"""A running server with the web page, over models that a test chooses."""

import asyncio
import contextlib
import dataclasses
import threading

import aiohttp
from aiohttp import web

from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.model_folders import all_versions
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.rest_server import RestServer
from tfiqa.serving.server.web_page import WebPage


@contextlib.contextmanager
def page_server(sources, *, max_body_bytes=2**20, refusals=0):
    """The address of a server of the sources' models, and a list of the predict requests that came: (path, body).

    The first `refusals` of them are answered with 503.
    """
    sources = [dataclasses.replace(source, policy=all_versions()) for source in sources]
    labels = {source.name: source.labels for source in sources}
    store = ModelStore(sources, poll_seconds=0, load_retries=0, labels_for_unavailable=True)
    store.start()
    page = WebPage(store, labels_of=labels.__getitem__, max_body_bytes=max_body_bytes)
    server = RestServer(Inference(store), port=0)
    server.start()
    front = _Front(page, f"http://{server.host}:{server.port}", refusals)
    try:
        with front.running() as url:
            yield url, front.requests
    finally:
        server.stop()
        store.stop()


class _Front:
    """Answers what is the page's itself, and hands all else to the REST server and back."""

    def __init__(self, page, rest_url, refusals):
        self._page, self._rest_url, self._refusals = page, rest_url, refusals
        self.requests = []

    @contextlib.contextmanager
    def running(self):
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        runner, port = asyncio.run_coroutine_threadsafe(self._open(), loop).result()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            asyncio.run_coroutine_threadsafe(self._close(runner), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _open(self):
        self._session = aiohttp.ClientSession()
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/{target:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    async def _close(self, runner):
        await runner.cleanup()
        await self._session.close()

    async def _answer(self, request):
        response = self._page.response(request.method, request.raw_path)
        if response is not None:
            headers = {**response.headers, "Content-Type": response.content_type}
            return web.Response(status=response.status, body=response.body, headers=headers)
        body = await request.read()
        if request.method == "POST":
            self.requests.append((request.raw_path, body))
            if len(self.requests) <= self._refusals:
                return web.json_response({"error": "busy"}, status=503)
        url = self._rest_url + request.raw_path
        async with self._session.request(request.method, url, data=body) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")
