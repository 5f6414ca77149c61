"""A load generator for `tfiqa serve`, in a process of its own so that it shares no lock with the server.

    python tools/serving_load.py rest|grpc PORT MODEL REQUESTS CONNECTIONS SECONDS

REQUESTS is a folder of request bodies (`*.json`) or serialized PredictRequests (`*.pb`), which are sent in turn. Each of
CONNECTIONS sends its next request as soon as the last one is answered, for SECONDS. Prints a line of JSON: the answers, those
that were errors, and the 5th, 50th and 99th percentile of the round trips in milliseconds.

The requests are made beforehand and the answers are not parsed: the client takes as little of the processors as it can.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

HOST = "127.0.0.1"
PREDICT = "/tensorflow.serving.PredictionService/Predict"


class RestConnection:
    """One kept-alive connection that always has one request under way."""

    def __init__(self, port: int, requests: list[bytes], first: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.latencies: list[float] = []
        self.errors = 0
        self._requests = requests
        self._next = first
        self._received = b""
        self.send()

    def send(self) -> None:
        """Sends the next request."""
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        self._begin = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Takes what has come; whether the answer is complete."""
        self._received += self.socket.recv(1 << 20)
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return False
        self.latencies.append(time.perf_counter() - self._begin)
        self.errors += not head.startswith(b"HTTP/1.1 200")
        self._received = b""
        return True


def rest_load(port: int, model: str, folder: Path, connections: int, seconds: float) -> tuple[list[float], int]:
    """(round trips in seconds, errors) of one thread that waits for all connections at a time."""
    requests = []
    for path in sorted(folder.glob("*.json")):
        body = path.read_bytes()
        head = f"POST /v1/models/{model}:predict HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
        requests.append(head.encode() + body)
    opened = [RestConnection(port, requests, number) for number in range(connections)]
    selector = selectors.DefaultSelector()
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    end = time.perf_counter() + seconds
    waiting = connections
    while waiting:
        for key, _ in selector.select():
            if not key.data.receive():
                continue
            if time.perf_counter() < end:
                key.data.send()
            else:
                selector.unregister(key.fileobj)
                waiting -= 1
    latencies = [latency for connection in opened for latency in connection.latencies]
    return latencies, sum(connection.errors for connection in opened)


def grpc_load(port: int, folder: Path, connections: int, seconds: float) -> tuple[list[float], int]:
    """(round trips in seconds, errors) of a thread and a channel for each connection."""
    import grpc

    requests = [path.read_bytes() for path in sorted(folder.glob("*.pb"))]
    latencies: list[list[float]] = [[] for _ in range(connections)]
    errors = [0] * connections
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    channels = [grpc.insecure_channel(f"{HOST}:{port}", options=options) for _ in range(connections)]
    for channel in channels:
        grpc.channel_ready_future(channel).result(timeout=30)
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        call: Any = channels[number].unary_unary(PREDICT)  # neither side of it is serialized or parsed
        at = number
        while (begin := time.perf_counter()) < end:
            try:
                call(requests[at % len(requests)], timeout=60)
            except grpc.RpcError:
                errors[number] += 1
            latencies[number].append(time.perf_counter() - begin)
            at += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [latency for of_one in latencies for latency in of_one], sum(errors)


def main() -> None:
    """The command line."""
    protocol, port, model, folder, connections, seconds = islice(sys.argv, 1, None)
    settings = Path(folder), int(connections), float(seconds)
    begin = time.perf_counter()
    latencies, errors = (
        rest_load(int(port), model, *settings) if protocol == "rest" else grpc_load(int(port), *settings)
    )
    fast, median, slow = np.percentile(latencies, [5, 50, 99]) * 1e3
    taken = time.perf_counter() - begin
    times = {"p5_ms": fast, "p50_ms": median, "p99_ms": slow}
    print(json.dumps({"answers": len(latencies), "errors": errors, "seconds": taken, **times}))


if __name__ == "__main__":
    main()
