"""The REST server: a listening port and an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from typing import Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.rest_app import REST_THREADS, RestApp, web

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_REST_PORT: Final = 8501  # that of TensorFlow Serving's container image
SHUTDOWN_SECONDS: Final = 5.0  # for requests under way when the server is stopped


class RestServer:
    """Answers REST requests until stopped.

    Args:
        inference: runs the models of a store that has started: a port that accepts means that every model is available.
        host: the address to listen on.
        port: the port; 0 takes a free one. Afterwards `port` holds the one taken.
        threads: requests that are worked on at a time.
    """

    def __init__(
        self,
        inference: Inference,
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_REST_PORT,
        threads: int = REST_THREADS,
    ) -> None:
        self.host = host
        self.port = port
        self._app = RestApp(inference, threads=threads)
        self._runner: web.AppRunner | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tfiqa-rest", daemon=True)

    def start(self) -> None:
        """Opens the port. Raises ServerStartError when it is taken, or the address is not this machine's."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except (OSError, OverflowError) as error:
            self.stop()
            raise ServerStartError(f"cannot listen on {self.host}:{self.port}: {_reason(error)}") from error

    def stop(self) -> None:
        """Closes the port, lets running requests finish for a few seconds and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        self._runner = web.AppRunner(
            self._app.application(), access_log=None, auto_decompress=False, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


def _reason(error: OSError | OverflowError) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return "the port is in use; choose another one, or 0 for any free one"
    return (
        os.strerror(number) if number is not None and number > 0 else str(error)
    )  # a name look-up's numbers are negative
