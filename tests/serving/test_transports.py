"""Retries and deadlines of both protocols, against servers that fail as a test has it."""

import contextlib
import http.server
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import tensorflow as tf
from grpc_served import FloatModelService
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfiqa.serving import transport
from tfiqa.serving.client import PredictClient
from tfiqa.serving.errors import PredictionError, RequestRefused

RESET, HANG = "reset", "hang"  # what a server can do besides answering with a status
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class Script:
    """What a server does with one prediction after the other; further ones are answered well."""

    def __init__(self, steps):
        self.steps = list(steps)
        self.asked = 0
        self.connections = set()
        self.released = threading.Event()

    def step(self):
        self.asked += 1
        return self.steps.pop(0) if self.steps else 200


@contextlib.contextmanager
def rest_server(script, port=0):
    tensor = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}}
    signature = {"inputs": {"x": tensor}, "outputs": {"y": tensor}}
    metadata = {"metadata": {"signature_def": {"signature_def": {"serving_default": signature}}}}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self._answer(200, metadata)

        def do_POST(self):
            values = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]["x"]
            script.connections.add(self.client_address)
            step = script.step()
            if step == HANG:
                script.released.wait(30)
            elif step == RESET:
                self.close_connection = True
            elif step == 200:
                self._answer(200, {"outputs": [2 * value for value in values]})
            else:
                self._answer(step, {"error": "as told\nmore"})

        def _answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", len(body))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        script.released.set()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def grpc_server(script, port=0):
    class Service(FloatModelService):
        def Predict(self, request, context):  # noqa: N802
            step = script.step()
            if step == HANG:
                script.released.wait(30)
            elif step == RESET:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
            elif step != 200:
                context.abort(CODES[step], "as told\nmore")
            reply = predict_pb2.PredictResponse()
            reply.outputs["y"].CopyFrom(tf.make_tensor_proto(2 * tf.make_ndarray(request.inputs["x"])))
            return reply

    server = grpc.server(ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        script.released.set()
        server.stop(0).wait()


@pytest.fixture(params=[rest_server, grpc_server], ids=["rest", "grpc"])
def ask(request, monkeypatch):
    """Predicts with a server that does the given steps; returns the outputs, or the error, and the script."""
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.01)

    def call(*steps, **settings):
        script = Script(steps)
        with request.param(script) as url, PredictClient(url, "m", **settings) as client:
            try:
                return client.predict({"x": [1, 2.5]})["y"].tolist(), script
            except PredictionError as error:
                return error, script

    call.server = request.param
    return call


@pytest.mark.parametrize("steps", [[503], [429, 503, 429], [RESET], [RESET, 503, RESET]])
def test_a_busy_server_and_a_broken_connection_are_asked_again(ask, steps):
    answer, script = ask(*steps)
    assert (answer, script.asked) == ([2, 5], len(steps) + 1)


def test_up_to_a_limit(ask):
    error, script = ask(*[503] * 10, retries=3)
    assert script.asked == 4
    assert type(error) is PredictionError
    assert str(error).endswith(": as told")
    assert "no answer from" in str(error)


@pytest.mark.parametrize("status", [400, 404, 500])
def test_what_is_refused_is_not_asked_again(ask, status):
    error, script = ask(status)
    assert (type(error), error.reason, script.asked) == (RequestRefused, "as told", 1)


def test_the_servers_own_deadline_is_not_asked_again(ask):
    error, script = ask(504)
    assert (type(error), script.asked) == (PredictionError, 1)


def test_one_deadline_for_all_attempts(ask):
    error, script = ask(503, HANG, timeout_seconds=0.5)
    assert (type(error), script.asked) == (PredictionError, 2)
    assert str(error).endswith(" within 0.5 seconds")


def test_no_pause_goes_beyond_the_deadline(ask, monkeypatch):
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 60)
    error, script = ask(503, timeout_seconds=5)
    assert (str(error).endswith(": as told"), script.asked) == (True, 1)


def test_closing_ends_what_other_threads_ask(ask):
    script = Script([HANG])
    with ask.server(script) as url:
        client = PredictClient(url, "m")
        client.signature  # noqa: B018  (asked now)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(client.predict, {"x": [1]})
            while not script.asked:
                time.sleep(0.01)
            client.close()
            assert isinstance(answer.exception(timeout=20), PredictionError)
        with pytest.raises(PredictionError, match="the client is closed"):
            client.predict({"x": [1]})


def test_rest_keeps_its_connection():
    script = Script([])
    with rest_server(script) as url, PredictClient(url, "m") as client:
        for _ in range(3):
            client.predict({"x": [1]})
    assert (script.asked, len(script.connections)) == (3, 1)


def test_a_server_that_comes_back_is_found(ask):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scheme = "http" if ask.server is rest_server else "grpc"
    with PredictClient(f"{scheme}://127.0.0.1:{port}", "m", retries=50) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.predict, {"x": [1]})
        time.sleep(0.2)  # so that some attempts find nobody
        assert not answer.done()
        with ask.server(Script([]), port):
            assert answer.result(timeout=30)["y"].tolist() == [2]
