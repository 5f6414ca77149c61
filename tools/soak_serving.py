"""Sends good and bad requests to a `tfiqa serve` of its own for some minutes, and prints its memory over time.

    python tools/soak_serving.py --minutes 2 [-- further flags of tfiqa serve, such as --enable-batching]

Every good answer is compared with what it must be. Ends with status 1 when one was wrong, the server died, did not end within
10 seconds of SIGTERM, or holds much more memory at the end than after its first quarter.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

CLIENTS = 8
GROWTH_MEBIBYTES = 150  # allowed between the first quarter and the end


def save_models(folder: Path) -> None:
    """`double/1`: x float (n,) -> 2 x; `mean/1`: image_bytes string (n,) -> the mean of the pixels."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def double(x: Any) -> Any:
        return {"y": 2 * x}

    def mean_of(data: Any) -> Any:
        return tf.reduce_mean(tf.cast(tf.io.decode_image(data, channels=3, expand_animations=False), tf.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def mean(image_bytes: Any) -> Any:
        return {"mean": tf.map_fn(mean_of, image_bytes, fn_output_signature=tf.float32)}

    for name, function in (("double", double), ("mean", mean)):
        module = tf.Module()
        module.function = function
        tf.saved_model.save(module, str(folder / name / "1"), signatures={"serving_default": function})


def picture(value: int) -> str:
    """A PNG of one grey in base64."""
    import numpy as np
    import tensorflow as tf

    png = tf.io.encode_png(np.full((64, 48, 3), value, np.uint8)).numpy()
    return base64.b64encode(png).decode()


class Soak:
    """The clients and what they have seen."""

    def __init__(self, port: int, *, batched: bool) -> None:
        self.port = port
        self.batched = batched  # a picture that does not decode then fails those in its batch, so none is sent
        self.pictures = {value: picture(value) for value in (0, 100, 255)}
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.ended = threading.Event()

    def client(self, seed: int) -> None:
        """One client: a request after the other, good and bad ones."""
        choose = random.Random(seed)
        kinds = [self.good, self.good, self.pictures_request, self.bad, self.gone, self.metrics]
        while not self.ended.is_set():
            kind = choose.choice(kinds)
            try:
                self.seen[kind(choose)] += 1
            except OSError as error:
                if not self.ended.is_set():
                    self.wrong.append(f"{kind.__name__}: {type(error).__name__}: {error}")

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Status and parsed answer of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = response.read()
            is_json = response.headers.get("Content-Type", "").startswith("application/json")
            return response.status, json.loads(answer) if is_json else answer
        finally:
            connection.close()

    def check(self, what: str, right: bool, status: int, answer: Any) -> str:
        """Counts a wrong answer; a refusal for want of room (503) is none."""
        if not right and status != 503:
            self.wrong.append(f"{what}: {status} {str(answer)[:200]}")
        return f"{what} {status}"

    def good(self, choose: random.Random) -> str:
        """Numbers."""
        values = [choose.randrange(10**6) for _ in range(choose.randrange(1, 200))]
        status, answer = self.ask("POST", "/v1/models/double:predict", json.dumps({"instances": values}).encode())
        return self.check("numbers", answer == {"predictions": [2.0 * value for value in values]}, status, answer)

    def pictures_request(self, choose: random.Random) -> str:
        """Pictures."""
        values = [choose.choice(list(self.pictures)) for _ in range(choose.randrange(1, 5))]
        body = json.dumps({"instances": [{"b64": self.pictures[value]} for value in values]}).encode()
        status, answer = self.ask("POST", "/v1/models/mean:predict", body)
        return self.check("pictures", answer == {"predictions": [float(value) for value in values]}, status, answer)

    def bad(self, choose: random.Random) -> str:
        """Something that must be refused."""
        broken = json.dumps({"instances": [{"b64": "AAAA" * 20_000}]}).encode()
        path, body, expected = choose.choice(
            [
                ("double:predict", b"{", 400),
                ("double:predict", b"[" * 100_000, 400),
                ("double:predict", b'{"instances": ["a"]}', 400),
                ("double:predict", os.urandom(50_000), 400),
                (f"{choose.randrange(10**9)}:predict", b'{"instances": [1]}', 404),
                ("double/versions/7:predict", b'{"instances": [1]}', 404),
                ("double:predict" if self.batched else "mean:predict", broken, 400),
            ]
        )
        status, answer = self.ask("POST", f"/v1/models/{path}", body)
        return self.check("bad", status == expected, status, answer)

    def gone(self, choose: random.Random) -> str:
        """A client that leaves within its request or before the answer."""
        body = json.dumps({"instances": list(range(5000))}).encode()
        head = f"POST /v1/models/double:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall((head + body)[: choose.randrange(1, len(head) + len(body) + 1)])
        return "gone"

    def metrics(self, choose: random.Random) -> str:
        """Pages besides the interface."""
        status, answer = self.ask("GET", choose.choice(["/readyz", "/", "/v1/models/double", "/nothing"]))
        return self.check("pages", status in (200, 404), status, answer)


def resident_mebibytes(process: int) -> float:
    """The memory that a process holds, as Linux tells it."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def started(folder: Path, flags: list[str]) -> tuple[subprocess.Popen[str], int]:
    """A server of the models in a folder, and its REST port."""
    program = "import sys; from tfiqa.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", str(folder), "--rest-port=0", "--grpc-port=0", *flags]
    log = (folder.parent / "server.log").open("w+")
    server = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    while True:
        text = (folder.parent / "server.log").read_text()
        if found := re.search(r"http://127.0.0.1:(\d+)/v1", text):
            return server, int(found[1])
        if server.poll() is not None:
            raise SystemExit(f"the server did not start:\n{text}")
        time.sleep(0.1)


def main() -> int:
    """Runs the soak; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("flags", nargs="*", help="of tfiqa serve, after --")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tfiqa-soak-") as root:
        folder = Path(root) / "models"
        save_models(folder)
        server, port = started(folder, options.flags)
        soak = Soak(port, batched=any(flag.startswith("--enable-batching") for flag in options.flags))
        clients = [threading.Thread(target=soak.client, args=(seed,)) for seed in range(CLIENTS)]
        begin = time.monotonic()
        for client in clients:
            client.start()
        sizes = []
        while (passed := time.monotonic() - begin) < options.minutes * 60 and server.poll() is None:
            sizes.append(resident_mebibytes(server.pid))
            print(f"{passed:6.0f} s  {sizes[-1]:7.0f} MiB  {sum(soak.seen.values())} requests", flush=True)
            time.sleep(min(10.0, options.minutes * 6))
        soak.ended.set()
        for client in clients:
            client.join()
        died = server.poll() is not None
        server.send_signal(signal.SIGTERM)
        try:
            status = server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            status = server.wait()
        log = (Path(root) / "server.log").read_text()
    growth = sizes[-1] - sizes[len(sizes) // 4]
    print(*(f"{count:8} {what}" for what, count in sorted(soak.seen.items())), sep="\n")
    print(f"memory grew by {growth:.0f} MiB since the first quarter; exit status {status}; {len(soak.wrong)} wrong")
    print(*soak.wrong[:10], sep="\n")
    faults = [line for line in log.splitlines() if "Traceback" in line or "failed to answer" in line]
    print(f"{len(faults)} faults in the server's log", *faults[:10], sep="\n")
    return int(died or status != 0 or bool(soak.wrong) or bool(faults) or growth > GROWTH_MEBIBYTES)


if __name__ == "__main__":
    sys.exit(main())
