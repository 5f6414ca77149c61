"""The REST server: a listening port and an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
from typing import Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.limits import DEFAULT_LIMITS, Limits
from tfiqa.serving.server.rest_app import REST_THREADS, HttpProcessingError, RestApp, web

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_REST_PORT: Final = 8501  # that of TensorFlow Serving's container image
SHUTDOWN_SECONDS: Final = 5.0  # for requests under way when the server is stopped

_LAST_BYTES_SECONDS: Final = 0.5  # for answers on their way when that time is over
_REST_OF_BODY_SECONDS: Final = 10.0  # for a client to send what was refused, so that it reads the answer
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


_http_logger = logging.getLogger(f"{__name__}.http")  # what aiohttp has to say
_http_logger.addFilter(lambda record: not _is_of_client(record))


def _is_of_client(record: logging.LogRecord) -> bool:
    """Whether a record tells of bytes that are no HTTP: their sender is told, and could fill the log with tracebacks."""
    return record.exc_info is not None and isinstance(record.exc_info[1], HttpProcessingError)


class RestServer:
    """Answers REST requests until stopped.

    Args:
        inference: runs the models of a store that has started: a port that accepts means that every model is available.
        host: the address to listen on.
        port: the port; 0 takes a free one. Afterwards `port` holds the one taken.
        threads, limits, cors, metrics_path: as in `RestApp`.
    """

    def __init__(
        self,
        inference: Inference,
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_REST_PORT,
        threads: int = REST_THREADS,
        limits: Limits = DEFAULT_LIMITS,
        cors: bool = False,
        metrics_path: str | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._app = RestApp(inference, threads=threads, limits=limits, cors=cors, metrics_path=metrics_path)
        self._limits = limits
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tfiqa-rest", daemon=True)

    def start(self) -> None:
        """Opens the port. Raises ServerStartError when it is taken, or the address is not this machine's."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except (OSError, OverflowError) as error:
            self.stop()
            raise ServerStartError(f"cannot listen on {address(self.host, self.port)}: {_reason(error)}") from error

    def close_port(self) -> None:
        """Takes no new connections, and says on those there are that the server is shutting down."""
        asyncio.run_coroutine_threadsafe(self._close_port(), self._loop).result()

    def stop(self, seconds: float = SHUTDOWN_SECONDS) -> bool:
        """Closes the port, gives running requests that many seconds to finish and ends the thread.

        Returns:
            Whether all of them have finished.
        """
        finished = asyncio.run_coroutine_threadsafe(self._close(seconds), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        return finished

    async def _open(self) -> None:
        server = _Server(
            self._app.handle,
            self._limits.max_connections,
            access_log=None,
            logger=_http_logger,
            auto_decompress=False,
            keepalive_timeout=self._limits.slow_client_seconds,
            lingering_time=min(_REST_OF_BODY_SECONDS, self._limits.slow_client_seconds),
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_LAST_BYTES_SECONDS)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, self.host, self.port)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def _close_port(self) -> None:
        self._app.shutting_down = True
        if self._site is not None:
            await self._site.stop()
            self._site = None

    async def _close(self, seconds: float) -> bool:
        try:
            await self._close_port()
        except RuntimeError:  # the port could not even be opened
            self._site = None
        end = self._loop.time() + seconds
        while self._app.running and self._loop.time() < end:
            await asyncio.sleep(0.01)
        finished = not self._app.running
        if self._runner is not None:
            await self._runner.cleanup()
        self._app.stop()
        return finished


class _Server(web.Server):
    """The server of aiohttp with a limit on connections."""

    def __init__(self, handler: object, max_connections: int, **settings: object) -> None:
        super().__init__(handler, **settings)
        self._max_connections = max_connections

    def __call__(self) -> asyncio.Protocol:
        return super().__call__() if len(self.connections) < self._max_connections else _Refusal()


class _Refusal(asyncio.Protocol):
    """A connection that is closed as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_BUSY)
        transport.close()


def address(host: str, port: int) -> str:
    """Host and port as they stand in a URL, where an IPv6 address is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError | OverflowError) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return "the port is in use; choose another one, or 0 for any free one"
    return (
        os.strerror(number) if number is not None and number > 0 else str(error)
    )  # a name look-up's numbers are negative
