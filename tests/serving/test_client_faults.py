"""Clients that send nonsense, too much, too slowly or not at all: each is refused, and nobody else notices."""

import contextlib
import json
import socket
import time

import grpc
import numpy as np
import pytest
import served_models
from raw_clients import TIMES, check_alive, connection, grpc_predict, head, in_threads, received
from served_models import call, predict

from tfiqa.serving.server.grpc_server import GrpcServer
from tfiqa.serving.server.limits import Limits
from tfiqa.serving.server.rest_server import RestServer


def limited(**limits):
    """Makes a REST server with limits."""
    return lambda inference, port: RestServer(inference, port=port, limits=Limits(**limits))


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
def test_no_http(server, junk, caplog):
    with connection(server) as opened, contextlib.suppress(ConnectionError):
        opened.sendall(junk)
        assert received(opened)[:13] in (b"", b"HTTP/1.0 400 ", b"HTTP/1.1 400 ")
    assert "Traceback" not in caplog.text
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
