"""What goes wrong between clients and server: each gets the right answer or the right error, and nobody waits for ever."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest
import served_models
from served_models import call, predict
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfiqa.serving.server.batching import Batching
from tfiqa.serving.server.batching_parameters import BatchingParameters
from tfiqa.serving.server.grpc_server import GrpcServer
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.limits import Limits
from tfiqa.serving.server.metrics import Metrics
from tfiqa.serving.server.model_folders import ModelSource, all_versions
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.rest_server import RestServer

TIMES = "/v1/models/times:predict"


def limited(**limits):
    """Makes a REST server with limits."""
    return lambda inference, port: RestServer(inference, port=port, limits=Limits(**limits))


@contextlib.contextmanager
def connection(server):
    with socket.create_connection((server.host, server.port), timeout=20) as opened:
        yield opened


def head(length, target=TIMES, more=""):
    return f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def received(opened):
    """Everything until the server closes."""
    parts = []
    while part := opened.recv(65536):
        parts.append(part)
    return b"".join(parts)


def check_alive(server):
    assert predict(server, "times", {"instances": [4]}) == (200, {"predictions": [8.0]})


@pytest.fixture(scope="module")
def server():
    with served_models.served(limited(slow_client_seconds=0.4, max_body_bytes=1000)) as running:
        yield running


@pytest.mark.parametrize(
    ("model", "body", "status", "reason"),
    [
        ("times", b"", 400, "The document is empty"),
        ("times", b'{"instances": [1', 400, "JSON Parse error"),
        ("times", b"\xff\xfe\x00", 400, "JSON Parse error"),
        ("times", b"[" * 900, 400, "JSON Parse error"),
        ("times", b'{"instances": [1], "signature_name": "none"}', 400, "not found in signature def"),
        ("pictures", b'{"instances": [{"b64": "a-b_"}]}', 400, "Unable to base64 decode"),
        ("pictures", b'{"instances": ["no picture"]}', 400, "Unknown image file format"),
        ("none", b'{"instances": [1]}', 404, "Servable not found for request: Latest(none)"),
    ],
)
def test_wrong_requests(server, model, body, status, reason):
    found, answer = predict(server, model, body)
    assert (found, list(answer)) == (status, ["error"])
    assert reason in answer["error"]
    check_alive(server)


@pytest.mark.parametrize(
    "junk", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"A" * 100_000]
)
def test_no_http(server, junk):
    with connection(server) as opened, contextlib.suppress(ConnectionError):
        opened.sendall(junk)
        assert received(opened)[:13] in (b"", b"HTTP/1.0 400 ", b"HTTP/1.1 400 ")
    check_alive(server)


def test_a_body_that_ends_early(server):
    with connection(server) as opened:
        opened.sendall(head(100) + b'{"instances"')
        opened.shutdown(socket.SHUT_WR)
        assert b" 200 " not in received(opened)
    check_alive(server)


def test_a_head_that_never_ends_is_closed(server):
    with connection(server) as opened:
        opened.sendall(b"POST /v1/models/times:predict HTTP/1.1\r\nHost:")
        assert received(opened) == b""


def test_a_connection_without_a_request_is_closed(server):
    with connection(server) as opened:
        assert received(opened) == b""


def test_a_body_that_does_not_come_is_answered_408_and_closed(server):
    with connection(server) as opened:
        opened.sendall(head(100) + b'{"instances"')
        answer = received(opened)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": "The body came too slowly: 12 bytes until now"}


def test_a_body_in_pieces(server):
    body = b'{"instances": [1, 2, 3]}'
    with connection(server) as opened:
        opened.sendall(head(len(body), more="Connection: close\r\n"))
        for at in range(len(body)):
            opened.sendall(body[at : at + 1])
        assert json.loads(received(opened).partition(b"\r\n\r\n")[2]) == {"predictions": [2.0, 4.0, 6.0]}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_answered_413(server, chunked):
    body = b'{"instances": [' + b"1, " * 400 + b"1]}"
    with connection(server) as opened:
        if chunked:
            opened.sendall(f"POST {TIMES} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            opened.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        else:
            opened.sendall(head(len(body)) + body)
        answer = received(opened)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Content-Type: application/json" in answer
    assert "larger than" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    check_alive(server)


def test_a_client_that_asks_before_it_sends_its_body(server):
    with connection(server) as opened:
        opened.sendall(head(18, more="Expect: 100-continue\r\nConnection: close\r\n"))
        assert opened.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(b'{"instances": [1]}')
        assert received(opened).startswith(b"HTTP/1.1 200 ")


def test_several_requests_sent_at_once(server):
    body = b'{"instances": [1]}'
    with connection(server) as opened:
        opened.sendall((head(len(body)) + body) * 3 + head(len(body), more="Connection: close\r\n") + body)
        answers = received(opened)
    assert (answers.count(b"HTTP/1.1 200 OK"), answers.count(b"2.0")) == (4, 4)


def test_more_connections_than_allowed():
    with served_models.served(limited(max_connections=2)) as server:
        with connection(server) as one, connection(server) as two:
            for opened in (one, two):
                opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert opened.recv(100).startswith(b"HTTP/1.1 200 ")
            with connection(server) as three:
                assert received(three).startswith(b"HTTP/1.1 503 ")
        end = time.monotonic() + 20
        while call(server, "GET", "/healthz")[0] != 200:
            assert time.monotonic() < end


def in_threads(count, work):
    """The results of `work(number)` in as many threads."""
    results = [None] * count

    def run(number):
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def test_a_flood_of_requests_is_answered_or_refused():
    slow = {"signature_name": "slow", "instances": [20000]}
    with served_models.served(limited(max_waiting=3)) as server:
        answers = in_threads(24, lambda number: predict(server, "kinds", slow))
        assert {status for status, _ in answers} == {200, 503}
        assert all("try again later" in answer["error"] for status, answer in answers if status == 503)
        check_alive(server)


def test_a_flood_of_grpc_requests_is_answered_or_refused():
    def make(inference, port):
        return GrpcServer(inference, port=port, limits=Limits(max_waiting=3))

    with served_models.served(make) as server, grpc.insecure_channel(f"{server.host}:{server.port}") as channel:

        def ask(number):
            try:
                grpc_predict(channel, "kinds", np.float32([20000]), "slow")
            except grpc.RpcError as error:
                return error.code()

        assert set(in_threads(24, ask)) == {None, grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert grpc_predict(channel, "times", np.float32([1])) == [2]


def grpc_predict(channel, model, x, signature=""):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=len(x))
    request.inputs["x"].float_val.extend(x.tolist())
    reply = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    return list(reply.outputs["y"].float_val)


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
