"""Answers under load, while versions go and the server ends; health."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
import served_models
from raw_clients import TIMES, grpc_predict, in_threads
from served_models import call, predict

from tfiqa.serving.server.batching import Batching
from tfiqa.serving.server.batching_parameters import BatchingParameters
from tfiqa.serving.server.grpc_server import GrpcServer
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.metrics import Metrics
from tfiqa.serving.server.model_folders import ModelSource, all_versions
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.rest_server import RestServer


@contextlib.contextmanager
def both_servers(sources, *, batched, poll_seconds=0):
    """A REST and a gRPC server with the same models."""
    metrics = Metrics()
    parameters = BatchingParameters(max_batch_size=16, allowed_batch_sizes=(4, 16), max_enqueued_batches=1000)
    batching = Batching(parameters, metrics) if batched else None
    store = ModelStore(sources, poll_seconds=poll_seconds, load_retries=0)
    store.start()
    inference = Inference(store, batching=batching, metrics=metrics)
    with contextlib.ExitStack() as running:
        running.callback(store.stop)
        if batching is not None:
            running.callback(batching.stop)
        rest, rpc = RestServer(inference, port=0), GrpcServer(inference, port=0)
        rest.start()
        running.callback(rest.stop)
        rpc.start()
        running.callback(rpc.stop, 5)
        yield rest, rpc, metrics


@pytest.mark.parametrize("batched", [False, True])
def test_every_client_gets_its_own_answer(batched):
    sources = [ModelSource("times", served_models.models_folder() / "times", all_versions())]
    with (
        both_servers(sources, batched=batched) as (rest, rpc, metrics),
        grpc.insecure_channel(f"{rpc.host}:{rpc.port}") as channel,
    ):

        def ask(number):
            random, wrong = np.random.default_rng(number), 0
            for _ in range(25):
                x = random.integers(0, 10**6, random.integers(1, 9)).astype(np.float32)
                if number % 2:
                    wrong += grpc_predict(channel, "times", x) != (2 * x).tolist()
                else:
                    wrong += predict(rest, "times", {"instances": x.tolist()}) != (
                        200,
                        {"predictions": (2 * x).tolist()},
                    )
            return wrong

        assert in_threads(10, ask) == [0] * 10
        runs = metrics.value("/tensorflow/serving/batching_session/wrapped_run_count")
    assert (0 < runs <= 250) if batched else runs == 0


@pytest.mark.parametrize("batched", [False, True])
def test_a_version_deleted_under_load_fails_no_request(tmp_path, batched):
    shutil.copytree(served_models.models_folder() / "times", tmp_path / "times")
    ended = threading.Event()
    with both_servers([ModelSource("times", tmp_path / "times")], batched=batched, poll_seconds=0.05) as (rest, _, _):

        def ask(number):
            answers = set()
            while not ended.is_set():
                status, answer = predict(rest, "times", {"instances": [1]})
                answers.add((status, str(answer)))
            return answers

        def delete():
            os.rename(tmp_path / "times/2", tmp_path / "gone")
            shutil.rmtree(tmp_path / "gone")
            end = time.monotonic() + 30
            while predict(rest, "times", {"instances": [1]})[1] != {"predictions": [1.0]}:
                assert time.monotonic() < end
                time.sleep(0.02)
            ended.set()

        answers = in_threads(5, lambda number: ask(number) if number else delete())
    assert set().union(*answers[1:]) == {(200, "{'predictions': [2.0]}"), (200, "{'predictions': [1.0]}")}


@pytest.fixture
def process(tmp_path):
    """`tfiqa serve` with an open batch that waits for a minute; (process, REST port)."""
    parameters = tmp_path / "batching.config"
    parameters.write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 60000000 }")
    models = tmp_path / "models"
    shutil.copytree(served_models.models_folder() / "times", models / "times")
    command = ["serve", str(models), "--rest-port=0", "--grpc-port=0", "--enable-batching"]
    program = "import sys; from tfiqa.cli.main import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    running = subprocess.Popen(
        [sys.executable, "-c", program, *command, f"--batching-parameters-file={parameters}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    try:
        found = next(filter(None, (re.search(r"http://127.0.0.1:(\d+)", line) for line in running.stdout)), None)
        assert found, "the server did not start"
        yield running, int(found[1])
    finally:
        running.kill()
        running.communicate()


def test_sigterm_finishes_the_requests_under_way(process):
    running, port = process
    address = type("Address", (), {"host": "127.0.0.1", "port": port})

    def work(number):
        if number < 3:
            return predict(address, "times", {"instances": [number]})
        assert call(address, "GET", "/readyz")[0] == 200
        time.sleep(1)  # the others wait in an open batch by now
        running.send_signal(signal.SIGTERM)
        return running.wait(20)

    answers = in_threads(4, work)
    assert answers[:3] == [(200, {"predictions": [2.0 * number]}) for number in range(3)]
    assert answers[3] == 0
    with pytest.raises(ConnectionRefusedError):
        call(address, "GET", "/healthz")


@pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0,
    reason="needs root and unshare, for a process that is the first of its namespace",
)
def test_sigterm_ends_the_first_process_of_a_container_while_it_loads(tmp_path):
    (tmp_path / "models/m/1").mkdir(parents=True)
    (tmp_path / "models/m/1/saved_model.pb").touch()
    program = "import sys, time; from tfiqa.cli import serve_settings, tensorflow_start; "
    program += "tensorflow_start.load_tensorflow = lambda: (print('loading', flush=True), time.sleep(60)); "
    program += "from tfiqa.cli.main import main; sys.exit(main())"
    command = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        sys.executable,
        "-c",
        program,
        "serve",
        str(tmp_path / "models"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        if running.stdout.readline() != "loading\n":
            running.kill()
            pytest.skip("no new process namespaces here")
        (child,) = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        try:
            assert running.wait(20) == 128 + signal.SIGTERM
        finally:
            running.kill()


def test_health(tmp_path):
    with served_models.served() as server:
        assert call(server, "GET", "/healthz")[::2] == (200, b'{"live": true}')
        assert call(server, "GET", "/readyz")[::2] == (200, b'{"ready": true}')
        server._app.shutting_down = True
        status, headers, body = call(server, "GET", "/readyz")
        assert (status, json.loads(body)) == (503, {"ready": False, "shutting_down": True})
        assert headers["Connection"] == "close"


def test_not_ready_without_a_version(tmp_path):
    shutil.copytree(served_models.models_folder() / "times", tmp_path / "times")
    with both_servers([ModelSource("times", tmp_path / "times")], batched=False, poll_seconds=0.05) as (rest, _, _):
        assert call(rest, "GET", "/readyz")[0] == 200
        os.rename(tmp_path / "times/1", tmp_path / "times/gone1")
        os.rename(tmp_path / "times/2", tmp_path / "times/gone2")
        end = time.monotonic() + 30
        while call(rest, "GET", "/readyz")[0] == 200:
            assert time.monotonic() < end
        status, _, body = call(rest, "GET", "/readyz")
        assert (status, json.loads(body)) == (503, {"ready": False, "unavailable": ["times"]})
        assert call(rest, "GET", "/healthz")[0] == 200


def test_other_origins():
    with served_models.served(lambda inference, port: RestServer(inference, port=port, cors=True)) as server:
        for method, target in (("GET", "/v1/models/times"), ("OPTIONS", TIMES), ("GET", "/v1/nonsense")):
            headers = call(server, method, target, headers={"Origin": "http://page"})[1]
            assert headers["Access-Control-Allow-Origin"] == "*"
            assert headers["Access-Control-Allow-Methods"] == "POST, GET"
            assert headers["Access-Control-Allow-Headers"] == "Content-Type"
    with served_models.served() as server:
        assert "Access-Control-Allow-Origin" not in call(server, "GET", "/v1/models/times")[1]
