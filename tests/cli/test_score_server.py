"""`tfiqa score --server` as a user types it."""

import http.server
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from client_models import SIDE, client_models_folder, client_served, picture

TFIQA = Path(sys.executable).parent / "tfiqa"


@pytest.fixture(scope="module")
def servers():
    with client_served() as urls:
        yield urls


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures, four of them good and three not, and a file that does not exist."""
    folder = tmp_path_factory.mktemp("a folder")
    (folder / "dark one.png").write_bytes(picture(10))
    (folder / "light.jpg").write_bytes(picture(200, "JPEG"))
    (folder / "longer.png").write_bytes(picture(100) + b"more")
    (folder / "scan.tif").write_bytes(picture(70, "TIFF"))
    (folder / "cut.png").write_bytes(picture(50)[:-6])
    (folder / "empty.gif").write_bytes(b"")
    (folder / "text.jpg").write_bytes(b"no picture")
    return [folder, folder / "missing.png"]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_same_rows_as_with_the_model_at_hand(form, run, servers, pictures):
    options = [*pictures, "--format", form]
    local = run("score", "--model", client_models_folder() / "carded", *options)
    assert local[0] == 3
    assert "4 of 8 pictures scored" in local[2]
    assert "rating" in local[1]  # mean grey values of 0 to 255 are told in words too
    for url in servers.values():
        status, out, err = run("score", "--server", url, "--model", "carded", *options)
        assert (status, out) == (3, local[1])
        assert f"{url} carded: mean grey value 0 to 255, higher is better" in err
        assert "4 of 8 pictures scored" in err


def test_all_good_is_status_0_and_an_output_file(run, servers, tmp_path):
    (tmp_path / "a.png").write_bytes(picture(40))
    (tmp_path / "b.png").write_bytes(picture(41))
    for scheme, url in servers.items():
        output = tmp_path / f"{scheme}.csv"
        arguments = ("--model", "plain", "--batch-size", 1, "--workers", 3, "--timeout", 30, "--model-version", 1)
        status, _, err = run("score", tmp_path / "*.png", "--server", url, *arguments, "--output", output)
        assert (status, "left out, being of no fixed size: first_row" in err) == (0, True)
        assert output.read_text().splitlines()[1:] == [
            f"{tmp_path / name}.png,{value}.0,{value}.0,{value}.0,{value}.0,False,{value}.0,16,dark,"
            for name, value in (("a", 40), ("b", 41))
        ]


def test_large_pictures_are_refused_here(run, servers, tmp_path):
    (tmp_path / "a.png").write_bytes(picture(40, size=(SIDE, SIDE)))
    for url in servers.values():
        status, out, _ = run("score", tmp_path, "--server", url, "--model", "carded", "--max-pixels", 100)
        assert (status, "pixels, more than the limit of 100" in out) == (3, True)


def test_what_is_not_there_is_one_line_before_any_row(run, servers, pictures):
    for url, model, text in [
        *((url, "nope", "Servable not found for request: Latest(nope)") for url in servers.values()),
        *((url, "times", "does not take encoded pictures") for url in servers.values()),
        ("ftp://host", "m", "address"),
    ]:
        status, out, err = run("score", *pictures, "--server", url, "--model", model)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith("error: ")
        assert text in err


def test_without_a_name_the_model_that_comes_with_tfiqa_is_asked(run, servers, pictures):
    for url in servers.values():
        status, _, err = run("score", *pictures, "--server", url)
        assert (status, "Servable not found for request: Latest(tfiqa_small)" in err) == (1, True)


def test_a_server_that_is_not_there(run, pictures, monkeypatch):
    monkeypatch.setattr("tfiqa.serving.transport.FIRST_PAUSE_SECONDS", 0.001)
    for scheme in ("http", "grpc"):
        status, out, err = run("score", *pictures, "--server", f"{scheme}://127.0.0.1:1", "--model", "m")
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert f"no answer from {scheme}://127.0.0.1:1: " in err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--model", "m", "--model-version", "1"], "--model-version is for a server"),
        (["--model", "m", "--model-label", "stable"], "--model-label is for a server"),
        (["--model", "m", "--timeout", "5"], "--timeout is for a server"),
        (["--server", "http://h", "--model", "m", "--model-version", "1", "--model-label", "l"], "give one of them"),
        (["--server", "http://h", "--model", "saved_models/m"], "not a file or folder. Received: 'saved_models/m'"),
        (["--server", "http://h", "--model", "m.keras"], "the model's name there"),
        (["--server", "http://h", "--model", ""], "the model's name there"),
        (["--server", "http://h", "--model", "m", "--timeout", "0"], "--timeout"),
    ],
)
def test_options_that_do_not_go_together(arguments, text, run):
    status, out, err = run("score", "a.jpg", *arguments)
    assert (status, out) == (2, "")
    assert text in " ".join(err.split())


def test_ctrl_c_ends_at_once_and_leaves_nothing_behind(tmp_path):
    """Against a server that never answers a prediction."""
    asked, released = threading.Event(), threading.Event()
    tensor = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1"}]}}
    number = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}}
    signature = {"serving_default": {"inputs": {"image_bytes": tensor}, "outputs": {"quality": number}}}

    class Silent(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"metadata": {"signature_def": {"signature_def": signature}}}).encode())

        def do_POST(self):
            asked.set()
            released.wait(60)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = tmp_path / "pictures"
    folder.mkdir()
    for value in range(30):
        (folder / f"{value}.png").write_bytes(picture(value))
    command = [TFIQA, "score", folder, "--server", f"http://127.0.0.1:{server.server_port}", "--model", "m"]
    command += ["--timeout", "600", "--output", tmp_path / "scores.csv"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        released.set()
        server.shutdown()
        server.server_close()
    assert (process.returncode, err.splitlines()[-1]) == (130, "interrupted")
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]
