"""The client against servers in this process, by both protocols."""

import http.server
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import served_models
from client_models import client_served, picture
from grpc_served import FloatModelService
from PIL import Image
from served_models import png
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfiqa.errors import EmptyPicture, InvalidInput, MissingPicture, PictureError
from tfiqa.serving.client import LONGEST_TIMEOUT_SECONDS, PredictClient
from tfiqa.serving.errors import NotScored, PredictionError, RequestRefused
from tfiqa.serving.server.grpc_server import GrpcServer


@pytest.fixture(scope="module")
def servers():
    """Addresses of both protocols; models of `served_models`."""
    with served_models.served() as rest, served_models.served(make=_StoppableGrpc) as grpc:
        yield {"http": f"http://{rest.host}:{rest.port}/", "grpc": f"grpc://{grpc.host}:{grpc.port}"}


class _StoppableGrpc(GrpcServer):
    def stop(self, seconds=1.0):
        return super().stop(seconds)


@pytest.fixture(params=["http", "grpc"])
def url(request, servers):
    return servers[request.param]


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for value in (0, 100, 250):
        paths.append(tmp_path / f"grey {value}.png")
        paths[-1].write_bytes(png(4, 3 + value, value))
    return paths


def test_scores_by_name_in_order(url, pictures):
    with PredictClient(url, "pictures") as client:
        scores = client.score_files(pictures, batch_size=2)
        assert scores == [{"quality": 0.0}, {"quality": 100.0}, {"quality": 250.0}]
        assert client.info is None


def test_a_picture_that_the_graph_cannot_decode_is_sent_as_png(url, tmp_path):
    Image.fromarray(np.full((5, 6, 3), 70, np.uint8)).save(tmp_path / "scan.tiff")
    assert PredictClient(url, "pictures", version=1).score_files([tmp_path / "scan.tiff"]) == [{"quality": 70.0}]


def test_further_inputs_and_several_outputs(url, pictures):
    client = PredictClient(url, "pictures", signature="boxes")
    boxes = [{"boxes": [[0, 0, 1, value]]} for value in (1, 2, 3)]
    assert client.score_files(pictures, other_inputs=boxes)[1:] == [
        {"quality": 100.0, "box_quality": [3.0]},
        {"quality": 250.0, "box_quality": [4.0]},
    ]
    boxes[1]["boxes"] = boxes[1]["boxes"] * 2  # other numbers of boxes do not fit into one request
    assert client.score_files(pictures, other_inputs=boxes)[1] == {"quality": 100.0, "box_quality": [3.0, 3.0]}
    with pytest.raises(InvalidInput, match=r"grey 0\.png: the model takes boxes, image_bytes\. Received: image_bytes"):
        client.score_files(pictures)
    with pytest.raises(InvalidInput, match=r"one mapping for each of 3 files\. Received: 1"):
        client.score_files(pictures, other_inputs=boxes[:1])


def test_the_picture_that_the_server_refuses_is_named(url, pictures):
    pictures[1].write_bytes(pictures[1].read_bytes()[:60])
    with pytest.raises(PictureError, match=r"grey 100\.png: ") as caught:
        PredictClient(url, "pictures").score_files(pictures)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_sent(url, tmp_path):
    client = PredictClient(url, "pictures")
    with pytest.raises(MissingPicture, match="does not exist"):
        client.score_files([tmp_path / "nothing.jpg"])
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(EmptyPicture, match="no bytes"):
        client.score_files([tmp_path / "empty.jpg"])
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(PictureError):
        client.score_files([tmp_path / "notes.txt"])


@pytest.mark.parametrize(
    ("model", "settings", "error", "text"),
    [
        ("nope", {}, PredictionError, r"://.*: Servable not found for request: Latest\(nope\)"),
        ("pictures", {"version": 9}, PredictionError, r"Specific\(pictures, 9\)"),
        ("pictures", {"label": "nope"}, PredictionError, "nope"),
        ("pictures", {"signature": "nope"}, InvalidInput, "no signature 'nope'; it has .*serving_default"),
        ("times", {}, InvalidInput, "does not take encoded pictures: it has 0 string inputs"),
    ],
)
def test_models_that_cannot_score(url, pictures, model, settings, error, text):
    with pytest.raises(error, match=text):
        PredictClient(url, model, **settings).score_files(pictures)


def test_the_newest_version_a_number_or_a_label():
    with client_served() as urls:
        for url in urls.values():
            answers = [
                PredictClient(url, "times", **chosen).predict({"x": [1.5, 2]})["y"].tolist()
                for chosen in ({}, {"version": 1}, {"label": "old"})
            ]
            assert answers == [[3, 4], [1.5, 2], [1.5, 2]]
    with pytest.raises(InvalidInput, match="not by both"):
        PredictClient("http://localhost:1", "times", version=1, label="old")


def test_values_of_every_kind_are_the_same_by_both_protocols(servers):
    numbers = [np.nan, np.inf, 0.1, 1e30, -3]
    for signature, values in (
        ("serving_default", numbers),
        ("double", numbers),
        ("int64", [2**62, -5]),
        ("bool", [True]),
    ):
        sent = {"x": values}
        by_rest, by_grpc = (
            PredictClient(url, "kinds", signature=signature).predict(sent)["y"] for url in servers.values()
        )
        assert by_rest.dtype == by_grpc.dtype
        np.testing.assert_array_equal(by_rest, by_grpc)
    raw = bytes(range(256))
    for url in servers.values():
        outputs = PredictClient(url, "kinds", signature="bytes").predict({"s": [raw, b""]})
        assert outputs["copy_bytes"].tolist() == [raw, b""]
        texts = PredictClient(url, "kinds", signature="text").predict({"s": ["é".encode()]})
        assert texts["text"].tolist() == ["<é>".encode()]


def test_texts_of_a_model_that_says_nothing_of_itself(tmp_path):
    (tmp_path / "dark.png").write_bytes(picture(10))
    with client_served() as urls:
        for url in urls.values():
            with PredictClient(url, "plain") as client:
                (outputs,) = client.score_files([tmp_path / "dark.png"])
            assert (outputs["word"], outputs["light"], outputs["rows"], outputs["mean"]) == ("dark", False, 16, 10.0)
            assert outputs["corner"] == [10.0] * 3


def test_a_score_that_is_not_finite_is_none(monkeypatch, tmp_path):
    (tmp_path / "grey.png").write_bytes(picture(10))
    with client_served() as urls:
        for url in urls.values():
            with PredictClient(url, "carded") as client:
                answer = {**client.predict({"image_bytes": [picture(10)]}), "quality": np.float32([np.nan])}
                monkeypatch.setattr(client, "predict", lambda inputs, answer=answer: dict(answer))
                with pytest.raises(NotScored, match=r"grey\.png: the model's score is not finite"):
                    client.score_files([tmp_path / "grey.png"])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"version": 2**63}, "a version is a number"),
        ({"version": -1}, "a version is a number"),
        ({"timeout_seconds": float("inf")}, "timeout"),
        ({"timeout_seconds": float("nan")}, "timeout"),
        ({"timeout_seconds": 0}, "timeout"),
        ({"retries": -1}, "retries"),
    ],
)
def test_settings_that_no_request_can_have(url, settings, text):
    with pytest.raises(InvalidInput, match=text):
        PredictClient(url, "pictures", **settings)


def test_the_longest_timeout(url):
    PredictClient(url, "pictures", timeout_seconds=LONGEST_TIMEOUT_SECONDS).check()


def test_inputs_of_other_names_and_a_refused_request(url):
    client = PredictClient(url, "kinds", signature="positive")
    with pytest.raises(InvalidInput, match=r"takes x\. Received: y"):
        client.predict({"y": [1]})
    with pytest.raises(RequestRefused, match="found a negative value") as caught:
        client.predict({"x": [-1]})
    assert str(caught.value) == f"{url.rstrip('/')}: {caught.value.reason}"


def test_large_messages(servers):
    values = np.arange(1_500_000, dtype=np.float32)  # 6 MB; grpc's own limit is 4 MiB
    outputs = PredictClient(servers["grpc"], "times", version=2).predict({"x": values})
    np.testing.assert_array_equal(outputs["y"], 2 * values)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_addresses_where_no_server_answers(scheme, pictures):
    with pytest.raises(PredictionError, match=rf"no answer from {scheme}://127\.0\.0\.1:1: .*refused") as caught:
        PredictClient(f"{scheme}://127.0.0.1:1", "m", retries=0).score_files(pictures)
    assert "\n" not in str(caught.value)
    assert "grey" not in str(caught.value)


def test_rest_asked_for_at_the_port_of_grpc(servers):
    address = servers["grpc"].replace("grpc", "http")
    with pytest.raises(PredictionError, match=r"it does not speak HTTP$"):
        PredictClient(address, "m", retries=0).check()


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8501",
        "ftp://host",
        "http://",
        "http://host:port",
        "grpc://",
        "grpc://host:x",
        "grpc://host/v1",
        "http://host and more",
        "http://host\n",
    ],
)
def test_what_is_no_address(address):
    with pytest.raises(InvalidInput, match="address"):
        PredictClient(address, "m")


@pytest.mark.parametrize(
    ("answer", "text"), [(b"<html>", "does not answer in JSON"), (b"{}", "like TensorFlow Serving")]
)
def test_servers_of_another_kind(pictures, answer, text):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(PredictionError, match=text):
            PredictClient(f"http://127.0.0.1:{server.server_port}", "m").score_files(pictures)


@pytest.mark.parametrize("values", [["a", 3], [None], 3, {"a": "b"}, [{"b64": 3}], [{"b64": "x"}]])
def test_texts_that_are_none(values):
    text = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}}
    signature = {"serving_default": {"inputs": {"s": text}, "outputs": {"text": text}}}

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer({"metadata": {"signature_def": {"signature_def": signature}}})

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer({"outputs": values})

        def _answer(self, content):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=lambda: [server.handle_request() for _ in range(2)], daemon=True).start()
        with pytest.raises(PredictionError, match="does not answer with the model's outputs"):
            PredictClient(f"http://127.0.0.1:{server.server_port}", "m").predict({"s": [b"x"]})


def test_a_tensor_that_is_shorter_than_its_shape():
    class Service(FloatModelService):
        def Predict(self, request, context):  # noqa: N802
            reply = predict_pb2.PredictResponse()
            reply.outputs["y"].CopyFrom(request.inputs["x"])
            reply.outputs["y"].tensor_content = bytes(6)
            return reply

    server = grpc.server(ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with (
            PredictClient(f"grpc://127.0.0.1:{port}", "m") as client,
            pytest.raises(PredictionError, match="does not answer with the model's outputs"),
        ):
            client.predict({"x": [1, 2]})
    finally:
        server.stop(0).wait()


def test_rest_needs_no_tensorflow(servers, tmp_path):
    import subprocess
    import sys

    (tmp_path / "grey.png").write_bytes(picture(9))
    code = (
        "import sys\nfrom tfiqa.serving.client import PredictClient\n"
        "print(PredictClient(sys.argv[1], 'pictures').score_files([sys.argv[2]]), 'tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, servers["http"], tmp_path / "grey.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "[{'quality': 9.0}] False\n", done.stderr
