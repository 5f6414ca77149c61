"""Rows from served models, beside those of the same model at hand."""

import numpy as np
import pytest
from client_models import SIDE, client_models_folder, client_served, one_server, picture

from tfiqa.errors import InvalidInput
from tfiqa.serving import picture_requests, transport
from tfiqa.serving.client import PredictClient
from tfiqa.serving.errors import PredictionError
from tfiqa.serving.served_scorer import ServedScorer
from tfiqa.serving.server.grpc_server import GrpcServer
from tfiqa.serving.server.rest_server import RestServer


@pytest.fixture(scope="module")
def servers():
    with client_served() as urls:
        yield urls


@pytest.fixture(params=["http", "grpc"])
def url(request, servers):
    return servers[request.param]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Sound pictures and all kinds of others."""
    folder = tmp_path_factory.mktemp("pictures")
    contents = {
        "dark.png": picture(10),
        "light.jpg": picture(200, "JPEG"),
        "longer.png": picture(100) + b"more",  # Pillow forgives it
        "cut.png": picture(50)[:-6],
        "cut.jpg": picture(50, "JPEG", size=(99, 99))[:-200],
        "scan.tif": picture(70, "TIFF"),
        "small.png": picture(70, size=(SIDE - 1, 40)),
        "large.png": picture(70, size=(200, 200)),
        "text.png": b"no picture",
        "empty.png": b"",
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [*(folder / name for name in contents), folder / "missing.png", folder]


def rows(url, model, files, **settings):
    with PredictClient(url, model) as client:
        scorer = ServedScorer(client, **settings)
        return scorer, list(scorer.rows(files))


def test_rows_equal_those_of_the_model_at_hand(url, files):
    from tfiqa.serving.scorer import Scorer

    local = Scorer.load(client_models_folder() / "carded", max_pixels=30_000)
    scorer, served = rows(url, "carded", files, max_pixels=30_000, batch_size=3)
    assert scorer.columns == local.columns
    assert scorer.scale == str(local.info.scale)
    for name in ("dark.png", "light.jpg", "longer.png", "scan.tif"):
        row = next(row for row in served if row["path"].endswith(name))
        assert row == next(row for row in local.rows([row["path"]]))
        assert row["error"] is None


def test_what_the_rows_say(url, files):
    _, served = rows(url, "carded", files, max_pixels=30_000, batch_size=5, workers=1)
    assert [row["path"] for row in served] == [str(file) for file in files]
    by_name = {row["path"].rpartition("/")[2]: row for row in served}
    assert by_name["dark.png"]["quality"] == 10
    assert (by_name["dark.png"]["scene"], by_name["light.jpg"]["scene"]) == ("dark", "light")
    assert (by_name["dark.png"]["rating"], by_name["light.jpg"]["rating"]) == ("bad", "good")
    assert by_name["longer.png"]["quality"] == 100
    assert by_name["dark.png"]["blue"] == float(np.float32(10 / 7))  # as float32 has it, whatever the protocol
    for name, words in {
        "cut.png": "truncated",
        "small.png": "is too small",
        "large.png": "30000",
        "text.png": "no picture",
        "empty.png": "no bytes",
        "missing.png": "does not exist",
    }.items():
        row = by_name[name]
        assert words in row["error"]
        assert row["error"].startswith(row["path"] + ": ")
        assert row["quality"] is None
        assert row["scene"] is None


def test_a_model_that_says_nothing_of_itself(url, files):
    scorer, served = rows(url, "plain", files)
    assert scorer.columns == ("column", "corner_0", "corner_1", "corner_2", "light", "mean", "rows", "word")
    assert scorer.left_out == ("first_row",)
    assert served[0] == {
        "path": str(files[0]),
        "column": 10.0,
        **dict.fromkeys(("corner_0", "corner_1", "corner_2"), 10.0),
        "light": False,
        "mean": 10.0,
        "rows": 16,
        "word": "dark",
        "error": None,
    }
    # The first request holds cut.png, which fails it as a whole: only that picture is an error.
    assert [row["error"] is None for row in served[:4]] == [True, True, True, False]


def test_models_that_are_no_picture_scorers(url):
    with PredictClient(url, "times") as client, pytest.raises(InvalidInput, match="encoded pictures"):
        ServedScorer(client)
    with PredictClient(url, "nope") as client, pytest.raises(PredictionError, match="nope"):
        ServedScorer(client)


def test_exif_comes_from_the_file(url, tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x920A] = 4.25  # FocalLength, in mm
    (tmp_path / "tagged.jpg").write_bytes(picture(3, "JPEG", exif=exif))
    (tmp_path / "bare.jpg").write_bytes(picture(3, "JPEG"))
    with PredictClient(url, "carded", signature="exif") as client:
        tagged, bare = client.score_files([tmp_path / "tagged.jpg", tmp_path / "bare.jpg"])
    np.testing.assert_array_equal(tagged["exif"], [4.25, *[np.nan] * 7])
    np.testing.assert_array_equal(bare["exif"], [np.nan] * 8)


@pytest.mark.parametrize("make", [RestServer, GrpcServer])
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda server: server.stop(1), "no answer from {url}: "),
        (lambda server: server.store.reload([]), "{url}: "),
    ],
    ids=["server", "model"],
)
def test_a_server_or_model_that_goes_half_way(make, end, reason, tmp_path, monkeypatch):
    """What is left are rows with that error, at once."""
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.01)
    files = [tmp_path / f"{number}.png" for number in range(30)]
    for file in files:
        file.write_bytes(picture(9))
    asked = []

    with one_server(make) as (server, url), PredictClient(url, "carded", retries=1) as client:
        check, predict = client.check, client.predict
        monkeypatch.setattr(client, "check", lambda: (asked.append("check"), check()))
        monkeypatch.setattr(client, "predict", lambda inputs: (asked.append("predict"), predict(inputs))[1])
        rows = ServedScorer(client, batch_size=2, workers=1).rows([*files, tmp_path / "missing.png"])
        found = [next(rows)]
        end(server)
        found += rows
    errors = [row["error"] for row in found]
    scored = errors.index(next(filter(None, errors)))
    assert 0 < scored < 30
    assert errors[:scored] == [None] * scored
    assert [row["path"] for row in found] == [*map(str, files), str(tmp_path / "missing.png")]
    for row in found[scored:]:
        assert row["error"].startswith(f"{row['path']}: " + reason.format(url=url))
        assert row["quality"] is None
    assert asked == ["predict"] * (scored // 2 + 1) + ["check"]


def test_requests_hold_no_more_than_the_limits(servers, tmp_path, monkeypatch):
    files = [tmp_path / f"{number}.png" for number in range(7)]
    for number, file in enumerate(files):
        file.write_bytes(picture(number, size=(16, 16 if number != 5 else 600)))
    small, large = len(files[0].read_bytes()), len(files[5].read_bytes())
    monkeypatch.setattr(picture_requests, "MAX_REQUEST_BYTES", small * 3 - 1)
    assert large > small + 1
    sizes = []
    with PredictClient(servers["http"], "carded") as client:
        predict = client.predict

        def noted(inputs):
            sizes.append([len(data) for data in inputs["image_bytes"]])
            return predict(inputs)

        monkeypatch.setattr(client, "predict", noted)
        rows = list(ServedScorer(client, batch_size=4, workers=1).rows(files))
    assert [row["quality"] for row in rows] == [*range(7)]
    assert [size for request in sizes for size in request] == [len(file.read_bytes()) for file in files]
    assert all(len(request) <= 2 and (len(request) == 1 or sum(request) < small * 3) for request in sizes)


def test_a_slow_server_gets_single_pictures(servers, tmp_path, monkeypatch):
    files = [tmp_path / f"{number}.png" for number in range(12)]
    for number, file in enumerate(files):
        file.write_bytes(picture(number))
    sizes = []
    with PredictClient(servers["http"], "carded") as client:
        predict = client.predict

        def slow(inputs):
            sizes.append(len(inputs["image_bytes"]))
            if sizes[-1] > 1:
                raise PredictionError("no answer within the time")
            return predict(inputs)

        monkeypatch.setattr(client, "predict", slow)
        rows = list(ServedScorer(client, batch_size=4, workers=1).rows(files))
    assert [row["quality"] for row in rows] == [*range(12)]
    assert sizes == [4, *[1] * 12]
