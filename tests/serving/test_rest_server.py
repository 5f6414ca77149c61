"""Starting, stopping and time limits of the server."""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
import time

import pytest
import served_models
from served_models import call, predict
from stand_in_models import until

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.model_folders import ModelSource
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.rest_server import RestServer, address
from tfiqa.serving.server.serve import ServeSettings, serve_forever


def times_store():
    return ModelStore([ModelSource("times", served_models.models_folder() / "times")], poll_seconds=0, load_retries=0)


def test_a_request_that_takes_too_long_is_answered_504():
    with served_models.served(timeout_seconds=0.3) as server:
        answer = predict(server, "kinds", {"signature_name": "slow", "instances": [3e5]})
        assert answer == (504, {"error": "Timed out waiting for notification"})

        def asked_again():  # on a busy machine even this may take too long, at first
            return predict(server, "kinds", {"signature_name": "slow", "instances": [3]})[0] == 200

        until(asked_again, 60)


def test_stopping_lets_a_running_request_finish():
    with served_models.served() as server:
        answers = []
        body = {"signature_name": "slow", "instances": [20000]}
        asking = threading.Thread(target=lambda: answers.append(predict(server, "kinds", body)))
        asking.start()
        time.sleep(0.2)
    asking.join()
    assert answers == [(200, {"predictions": [20000.0]})]
    with pytest.raises(ConnectionRefusedError):
        call(server, "GET", "/")


def test_a_port_in_use_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError) as caught:
            RestServer(Inference(times_store()), port=port).start()
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: the port is in use; choose another one, or 0 for any free one"
    )


@pytest.mark.parametrize("place", [{"host": "no.such.host.invalid"}, {"host": "192.0.2.1"}, {"port": 70000}])
def test_a_place_where_no_server_can_listen(place):
    with pytest.raises(ServerStartError, match="cannot listen on") as caught:
        RestServer(Inference(times_store()), **{"port": 0, **place}).start()
    assert "\n" not in str(caught.value)


def test_an_address_as_it_stands_in_a_url():
    assert [address(host, 8501) for host in ("127.0.0.1", "localhost", "::1")] == [
        "127.0.0.1:8501",
        "localhost:8501",
        "[::1]:8501",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_until_a_signal(number):
    store, answers = times_store(), []

    def ready(rest, grpc):
        answers.append(predict(rest, "times", {"instances": [1.0]}))
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    try:
        assert serve_forever(Inference(store), ServeSettings(rest_port=0, grpc_port=0), ready)
    finally:
        gc.unfreeze()
    assert answers == [(200, {"predictions": [2.0]})]
    assert store.statuses("times")[0].state.value == "END"
    assert signal.getsignal(number) is before


def test_a_failing_model_ends_the_start(tmp_path):
    (tmp_path / "m/1").mkdir(parents=True)
    (tmp_path / "m/1/saved_model.pb").write_bytes(b"no model")
    store = ModelStore([ModelSource("m", tmp_path / "m")], load_retries=0)
    with pytest.raises(ServerStartError, match=r"1 servable\(s\) did not become available: .*version: 1.*DATA_LOSS"):
        serve_forever(Inference(store), ServeSettings(rest_port=0, grpc_port=None))


def test_a_client_that_goes_away_leaves_no_trace(caplog):
    with served_models.served() as server:
        with socket.create_connection((server.host, server.port)) as connection:
            connection.sendall(b"POST /v1/models/times:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            time.sleep(0.1)
        time.sleep(0.1)
        assert predict(server, "times", {"instances": [1]})[0] == 200
    assert "Traceback" not in caplog.text


def test_a_failure_of_the_server_itself_is_answered_500(monkeypatch, caplog):
    with served_models.served() as server:
        monkeypatch.setattr("tfiqa.serving.server.rest_app.status_answer", lambda statuses: 1 / 0)
        status, _, body = call(server, "GET", "/v1/models/times")
    assert status == 500
    assert "log" in json.loads(body)["error"]
    assert "ZeroDivisionError" in caplog.text


def test_without_aiohttp_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "tfiqa.serving.server.rest_app")
    with pytest.raises(ServerStartError) as caught:
        importlib.import_module("tfiqa.serving.server.rest_app")
    assert str(caught.value) == "serving needs the package aiohttp: pip install 'tfiqa[serving]'"
