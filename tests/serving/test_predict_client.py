"""The client against a server in this process."""

import http.server
import threading

import numpy as np
import pytest
import served_models
from PIL import Image
from served_models import png

from tfiqa.errors import EmptyPicture, InvalidInput, MissingPicture, PictureError
from tfiqa.serving.client import PredictClient
from tfiqa.serving.errors import PredictionError


@pytest.fixture(scope="module")
def url():
    with served_models.served() as server:
        yield f"http://{server.host}:{server.port}/"


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for value in (0, 100, 250):
        paths.append(tmp_path / f"grey {value}.png")
        paths[-1].write_bytes(png(4, 3 + value, value))
    return paths


def test_scores_by_name_in_order(url, pictures):
    scores = PredictClient(url, "pictures").score_files(pictures, batch_size=2)
    assert scores == [{"quality": 0.0}, {"quality": 100.0}, {"quality": 250.0}]


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
    with pytest.raises(InvalidInput, match=r"grey 0\.png: the model takes boxes, image_bytes\. Received: image_bytes"):
        client.score_files(pictures)
    with pytest.raises(InvalidInput, match=r"one mapping for each of 3 files\. Received: 1"):
        client.score_files(pictures, other_inputs=boxes[:1])


def test_the_picture_that_the_server_refuses_is_named(url, pictures):
    pictures[1].write_bytes(pictures[1].read_bytes()[:60])
    with pytest.raises((PredictionError, PictureError), match=r"grey 100\.png: ") as caught:
        PredictClient(url, "pictures").score_files(pictures)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_sent(url, tmp_path):
    client = PredictClient(url, "pictures")
    with pytest.raises(MissingPicture, match="does not exist"):
        client.score_files([tmp_path / "nothing.jpg"])
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(EmptyPicture, match="empty"):
        client.score_files([tmp_path / "empty.jpg"])
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(PictureError):
        client.score_files([tmp_path / "notes.txt"])


@pytest.mark.parametrize(
    ("model", "settings", "error", "text"),
    [
        ("nope", {}, PredictionError, r"Servable not found for request: Latest\(nope\)"),
        ("pictures", {"version": 9}, PredictionError, r"Specific\(pictures, 9\)"),
        ("pictures", {"signature": "nope"}, InvalidInput, "no signature 'nope'; it has .*serving_default"),
        ("times", {}, InvalidInput, "does not take encoded pictures: it has 0 string inputs"),
    ],
)
def test_models_that_cannot_score(url, pictures, model, settings, error, text):
    with pytest.raises(error, match=text):
        PredictClient(url, model, **settings).score_files(pictures)


def test_addresses_where_no_server_answers(pictures):
    with pytest.raises(PredictionError, match=r"cannot reach http://127\.0\.0\.1:1: .*refused") as caught:
        PredictClient("http://127.0.0.1:1", "m").score_files(pictures)
    assert "\n" not in str(caught.value)
    assert "grey" not in str(caught.value)
    with pytest.raises(InvalidInput, match="begins with http"):
        PredictClient("localhost:8501", "m")


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
