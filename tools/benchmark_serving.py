"""What `tfiqa serve` adds to a model's own time, and how throughput and latency go with the number of clients.

    python tools/benchmark_serving.py                                          a model that does next to nothing
    python tools/benchmark_serving.py --model-folder FOLDER --pictures FOLDER  an exported model, on pictures

The server, the clients (`serving_load.py`) and the direct calls each have a process of their own. First the overhead: direct
calls of the same model in memory, then clients over REST (row form) and over gRPC, in turn, --rounds times; the table has the
medians over the rounds. "aiohttp" and "grpcio" are servers on the same libraries that do nothing (`serving_floor.py`). The
fastest twentieth of the round trips tells what they take when no other process is in the way; they hold the client's own work
and the kernel's, too. "CPU" is the server process's processor time for an answer. Then the throughput at each number of
clients, without batching and with it. On a noisy machine trust the ratios within a run. Tables are Markdown.

With --model-folder (a base folder, as `tfiqa export` makes it) the requests are single pictures, 16 of --pictures.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tfiqa.cli.tensorflow_start import load_tensorflow
from tfiqa.images.discovery import find_pictures

LOAD = Path(__file__).parent / "serving_load.py"
FLOOR = Path(__file__).parent / "serving_floor.py"
PICTURES = 16  # different requests
TICKS = os.sysconf("SC_CLK_TCK")
MAX_BATCH = 8
BATCHING = (
    f"max_batch_size {{ value: {MAX_BATCH} }} batch_timeout_micros {{ value: 1000 }} num_batch_threads {{ value: 2 }}"
)


@dataclass(frozen=True)
class Server:
    """A running server and where it listens."""

    pid: int
    ports: dict[str, int]

    def cpu_seconds(self) -> float:
        """Processor time of the process until now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True)
class Work:
    """What is asked: the model's name and version folder, its inputs by name for direct calls, and the folder of requests."""

    name: str
    version: Path
    inputs: list[dict[str, np.ndarray]]
    requests: Path


def save_half_plus_two(folder: Path) -> None:
    """A model that halves a float and adds two."""
    import tensorflow as tf

    module = tf.Module()
    module.half_plus_two = tf.function(
        lambda x: {"y": x / 2 + 2}, input_signature=[tf.TensorSpec([None], tf.float32, "x")]
    )
    tf.saved_model.save(module, str(folder), signatures=module.half_plus_two)


def trivial_work(folder: Path) -> Work:
    """One number a request."""
    save_half_plus_two(folder / "models/half_plus_two/1")
    inputs = [{"x": np.array([number], np.float32)} for number in range(PICTURES)]
    rows = list(range(PICTURES))
    return _work(folder, "half_plus_two", folder / "models/half_plus_two/1", inputs, rows)


def picture_work(folder: Path, base: Path, pictures: Path) -> Work:
    """One picture a request."""
    from tfiqa.serving.server.model_folders import version_folders

    (folder / "models").mkdir(parents=True)
    (folder / "models" / base.name).symlink_to(base.resolve())
    versions = version_folders(base)
    inputs, rows = [], []
    for path in find_pictures([pictures])[:PICTURES]:
        content = path.read_bytes()
        array = np.empty(1, object)
        array[0] = content
        inputs.append({"image_bytes": array})
        rows.append({"b64": base64.b64encode(content).decode()})
    return _work(folder, base.name, versions[max(versions)], inputs, rows)


def _work(folder: Path, name: str, version: Path, inputs: list[dict[str, np.ndarray]], rows: list[Any]) -> Work:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    from tfiqa.serving.server.tensor_protos import fill_proto

    requests = folder / "requests"
    requests.mkdir()
    for number, (arrays, row) in enumerate(zip(inputs, rows, strict=True)):
        message = PredictRequest()
        message.model_spec.name = name
        for key, array in arrays.items():
            fill_proto(message.inputs[key], array)
        (requests / f"{number:02}.pb").write_bytes(message.SerializeToString())
        (requests / f"{number:02}.json").write_text(json.dumps({"instances": [row]}))
    return Work(name, version, inputs, requests)


@contextmanager
def served(models: Path, *flags: str) -> Iterator[Server]:
    """`tfiqa serve` on free ports."""
    tfiqa = Path(sys.executable).parent / "tfiqa"
    command = [str(tfiqa), "serve", str(models), "--rest-port", "0", "--grpc-port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"http://[^ ]*?:(\d+)/.*grpc://[^ ]*:(\d+)", line):
            break
    else:
        raise SystemExit(f"the server did not start:\n{said}")
    threading.Thread(target=process.stdout.read, daemon=True).start()
    try:
        yield Server(process.pid, {"rest": int(found[1]), "grpc": int(found[2])})
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def floors() -> Iterator[dict[str, Server]]:
    """Servers on the same libraries that do nothing, by the protocol."""
    protocols = ("rest", "grpc")
    processes = [
        subprocess.Popen([sys.executable, str(FLOOR), name], stdout=subprocess.PIPE, text=True) for name in protocols
    ]
    try:
        servers = {}
        for name, process in zip(protocols, processes, strict=True):
            assert process.stdout is not None
            servers[name] = Server(process.pid, {name: int(process.stdout.readline())})
        yield servers
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)


def load(server: Server, work: Work, protocol: str, connections: int, seconds: float) -> dict[str, float]:
    """What the load generator reports, the throughput and the server's processor time for an answer."""
    command = [sys.executable, LOAD, protocol, server.ports[protocol], work.name, work.requests, connections, seconds]
    begin = server.cpu_seconds()
    done = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE)
    report: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if report["errors"]:
        raise SystemExit(f"{report['errors']} of {report['answers']} answers were errors")
    cpu = server.cpu_seconds() - begin
    return {**report, "per_second": report["answers"] / report["seconds"], "cpu_ms": cpu / report["answers"] * 1e3}


def direct(
    run: Callable[[dict[str, np.ndarray]], object], work: Work, threads: int, seconds: float
) -> dict[str, float]:
    """The same figures for calls of the model in this process, from so many threads."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    def call(at: int) -> None:
        while (begin := time.perf_counter()) < end:
            run(work.inputs[at % len(work.inputs)])
            latencies.append(time.perf_counter() - begin)
            at += 1

    begin, cpu = time.perf_counter(), time.process_time()
    callers = [threading.Thread(target=call, args=(number,)) for number in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    taken, cpu = time.perf_counter() - begin, time.process_time() - cpu
    answers = len(latencies)
    fast, middle = np.percentile(latencies, [5, 50]) * 1e3
    return {"p5_ms": fast, "p50_ms": middle, "per_second": answers / taken, "cpu_ms": cpu / answers * 1e3}


def overhead(server: Server, work: Work, rounds: int, seconds: float, clients: int) -> None:
    """Prints a table of direct calls beside requests, for one caller and for the number at full load."""
    from tfiqa.serving.server.loaded_model import DEFAULT_SIGNATURE, LoadedModel

    model = LoadedModel(work.version)

    def run(inputs: dict[str, np.ndarray]) -> object:
        return model.run(DEFAULT_SIGNATURE, inputs)

    direct(run, work, 1, seconds)
    print("\n| clients | | fastest 5 %, ms | over direct, ms | median, ms | CPU, ms | answers/s | of direct |")
    print("|---|---|---|---|---|---|---|---|")
    for count in sorted({1, clients}):
        found: dict[str, list[dict[str, float]]] = {"direct": [], "aiohttp": [], "REST": [], "grpcio": [], "gRPC": []}
        with floors() as idle:
            for _ in range(rounds):
                found["direct"].append(direct(run, work, min(count, 2 * (os.cpu_count() or 1)), seconds))
                for library, protocol in (("aiohttp", "REST"), ("grpcio", "gRPC")):
                    name = protocol.lower()
                    found[library].append(load(idle[name], work, name, count, seconds))
                    found[protocol].append(load(server, work, name, count, seconds))
        for name, reports in found.items():
            p5, p50, cpu, speed = (
                median(report[key] for report in reports) for key in ("p5_ms", "p50_ms", "cpu_ms", "per_second")
            )
            pairs = list(zip(reports, found["direct"], strict=True))
            more = median(report["p5_ms"] - beside["p5_ms"] for report, beside in pairs)
            share = median(report["per_second"] / beside["per_second"] for report, beside in pairs)
            print(
                f"| {count} | {name} | {p5:.3f} | {more:.3f} | {p50:.3f} | {cpu:.3f} | {speed:.1f} | {share:.1%} |",
                flush=True,
            )
    model.close()


def throughput(server: Server, work: Work, counts: list[int], seconds: float, title: str) -> None:
    """Prints the rows of a table for each number of clients."""
    for count in counts:
        cells = []
        for protocol in ("rest", "grpc"):
            report = load(server, work, protocol, count, seconds)
            cells.append(f"{report['per_second']:.1f} | {report['p50_ms']:.2f} | {report['p99_ms']:.2f}")
        print(f"| {title} | {count} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-folder", type=Path, help="an exported model's base folder")
    parser.add_argument("--pictures", type=Path, help="a folder of pictures for it")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="of the overhead")
    options = parser.parse_args()
    if (options.model_folder is None) != (options.pictures is None):
        parser.error("give both --model-folder and --pictures, or neither")
    load_tensorflow()
    with tempfile.TemporaryDirectory(prefix="tfiqa-serving-") as root:
        folder = Path(root)
        work = (
            trivial_work(folder)
            if options.model_folder is None
            else picture_work(folder, options.model_folder, options.pictures)
        )
        print(f"{work.name}: {len(work.inputs)} different requests, {os.cpu_count()} processors")
        batching = folder / "batching.config"
        batching.write_text(BATCHING)
        with served(folder / "models") as server:
            overhead(server, work, options.rounds, options.seconds, min(8, max(options.clients)))
            print("\n| batching | clients | REST/s | p50, ms | p99, ms | gRPC/s | p50, ms | p99, ms |")
            print("|---|---|---|---|---|---|---|---|")
            throughput(server, work, options.clients, options.seconds, "off")
        flags = "--enable-batching", "--batching-parameters-file", str(batching)
        with served(folder / "models", *flags) as server:
            throughput(server, work, options.clients, options.seconds, f"up to {MAX_BATCH}")


if __name__ == "__main__":
    main()
