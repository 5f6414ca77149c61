"""A server that answers every request with the same few bytes: what the libraries under `tfiqa serve` take by themselves.

    python tools/serving_floor.py rest|grpc

Prints the port, and serves until it is ended. `tools/benchmark_serving.py` starts it.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

HOST = "127.0.0.1"
ANSWER = b'{\n    "predictions": [\n        2.5\n    ]\n}'


async def serve_rest() -> None:
    """As the REST server's handler, but one that does nothing."""
    from aiohttp import web

    async def handle(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response(body=ANSWER, content_type="application/json")

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def serve_grpc() -> None:
    """As the gRPC server, but without messages to parse."""
    import grpc

    class Handler(grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: ANSWER)

    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers([Handler()])
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[1:] == ["rest"]:
        asyncio.run(serve_rest())
    elif sys.argv[1:] == ["grpc"]:
        serve_grpc()
    else:
        raise SystemExit(__doc__)
