"""The body of a REST request: taken from the network within limits, and unpacked."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Final

from tfiqa.serving.server.limits import MEBIBYTE, Limits

UNPACKED_LIMIT: Final = 100 * MEBIBYTE  # TensorFlow Serving's limit for the content of a gzip body
SLOWEST: Final = 16 * 1024  # bytes a second


class BodyError(Exception):
    """A body that the server does not take.

    Args:
        http_status: of the answer.
        message: of the answer.
    """

    def __init__(self, http_status: int, message: str) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.message = message


async def read_body(request: Any, limits: Limits) -> bytes:
    """The whole body of an aiohttp request.

    Raises:
        BodyError: it is too large (413), or comes too slowly (408).
        ConnectionError: the client went away.
        aiohttp.web.RequestPayloadError: it is cut into chunks that make no sense.
    """
    content, most = request.content, limits.max_body_bytes
    if (request.content_length or 0) > most:
        raise _too_large(most)
    if "Expect" in request.headers and request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    if content.is_eof():
        body: bytes = content.read_nowait()  # most requests are here as a whole when their head is
        if len(body) > most:
            raise _too_large(most)
        return body
    parts, size = [], 0
    begin = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(limits.slow_client_seconds) as patience:
            while part := await content.readany():
                parts.append(part)
                size += len(part)
                if size > most:
                    raise _too_large(most)
                patience.reschedule(begin + limits.slow_client_seconds + size / SLOWEST)
    except TimeoutError:
        raise BodyError(408, f"The body came too slowly: {size} bytes until now") from None
    return b"".join(parts)


def unpacked(body: bytes) -> bytes:
    """A gzip body's content; nothing when it is broken or longer than UNPACKED_LIMIT, as TensorFlow Serving has it."""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(body, UNPACKED_LIMIT)
    except zlib.error:
        return b""
    return content if stream.eof else b""


def _too_large(most: int) -> BodyError:
    return BodyError(413, f"The body is larger than {most / MEBIBYTE:g} MiB, the most that this server takes")
