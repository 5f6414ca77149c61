"""The cache of ImageNet weights; nothing here touches the network."""

from __future__ import annotations

import errno
import hashlib
import http.client
import importlib.util
import io
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import pytest

from tfiqa.errors import CheckpointError, MissingWeights, StorageError, UnknownName
from tfiqa.weights import imagenet
from tfiqa.weights.imagenet import PublishedFile, cache_folder, imagenet_checkpoint, torchvision

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = f"resnet18-{DIGEST[:8]}.pth"
OLD_CONTENT = b"the same weights, written otherwise"
OLD_NAME = f"resnet18-{hashlib.sha256(OLD_CONTENT).hexdigest()[:8]}.pth"
URL = f"https://download.pytorch.org/models/{NAME}"


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "_FILES", {"resnet18": (torchvision(NAME), torchvision(OLD_NAME))})
    monkeypatch.delenv("TFIQA_OFFLINE", raising=False)


class Server:
    """Stands for the network: counts the requests and answers them."""

    def __init__(self, content: bytes = CONTENT, error: Exception | None = None, after: int = 0) -> None:
        self.urls: list[str] = []
        self._content = content
        self._error = error
        self._after = after

    def __call__(self, url: str) -> AbstractContextManager[IO[bytes]]:
        self.urls.append(url)
        if self._error and not self._after:
            raise self._error
        return _Answer(self._content, self._error, self._after)


class _Answer(io.BytesIO):
    def __init__(self, content: bytes, error: Exception | None, after: int) -> None:
        super().__init__(content)
        self._error = error
        self._after = after

    def read(self, size: int | None = -1) -> bytes:
        if self._error and self.tell() >= self._after:
            raise self._error
        return super().read(self._after if self._error else size)


def refuse(url: str) -> AbstractContextManager[IO[bytes]]:
    raise AssertionError(f"{url} was asked for")


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_torchvisions_names_end_with_the_first_digits_of_a_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name in ("resnet18", "resnet34", "resnet50", "vgg16"):
        for file in imagenet._FILES[name]:
            assert file.name.startswith(f"{name}-")
            assert Path(file.name).stem == f"{name}-{file.digest}"
            int(file.digest, 16)


@pytest.mark.parametrize("name", ["inception_resnet_v2", "mobilenet_v3_small", "efficientnet_v2_b0"])
def test_keras_files_are_those_of_the_installed_keras(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.undo()
    (file,) = imagenet._FILES[name]
    location = importlib.util.find_spec(f"keras.src.applications.{name}".replace("_small", "").replace("_b0", ""))
    assert location
    assert location.origin
    source = "".join(Path(location.origin).read_text().replace('"', "").split())
    assert file.digest in source
    assert file.url.rpartition("/")[0].removeprefix("https://storage.googleapis.com/") in source
    assert file.algorithm == "md5"
    assert len(file.digest) == 32


def test_a_file_known_by_its_md5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = PublishedFile("https://example.org/body_notop.h5", hashlib.md5(CONTENT).hexdigest(), "md5")
    monkeypatch.setattr(imagenet, "_FILES", {"body": (file,)})
    assert imagenet_checkpoint("body", cache=tmp_path, opener=Server()).name == "body_notop.h5"
    (tmp_path / "weights" / "body_notop.h5").write_bytes(CONTENT[:-1])
    with pytest.raises(CheckpointError, match="its MD5 starts with"):
        imagenet_checkpoint("body", cache=tmp_path, opener=refuse)


def test_downloaded_once_then_taken_from_the_cache(tmp_path: Path) -> None:
    server = Server()
    path = imagenet_checkpoint("resnet18", cache=tmp_path, opener=server)
    assert path == tmp_path / "weights" / NAME
    assert path.read_bytes() == CONTENT
    assert server.urls == [URL]
    assert imagenet_checkpoint("resnet18", cache=tmp_path, opener=refuse) == path
    assert files_in(tmp_path) == [NAME]


def test_larger_than_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "_CHUNK_BYTES", 999)
    assert imagenet_checkpoint("resnet18", cache=tmp_path, opener=Server()).read_bytes() == CONTENT


def test_older_file_of_the_same_weights_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / OLD_NAME).write_bytes(OLD_CONTENT)
    assert imagenet_checkpoint("resnet18", cache=tmp_path, opener=refuse).name == OLD_NAME


@pytest.mark.parametrize("name", [NAME, OLD_NAME])
def test_damaged_file_in_the_cache(tmp_path: Path, name: str) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / name).write_bytes(CONTENT[:-1])
    with pytest.raises(CheckpointError, match=rf"{name} is damaged: .* delete it"):
        imagenet_checkpoint("resnet18", cache=tmp_path, opener=refuse)


@pytest.mark.parametrize("content", [CONTENT[:-1], b"", b"<html>"])
def test_wrong_download_is_not_kept(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CheckpointError, match="damaged or incomplete"):
        imagenet_checkpoint("resnet18", cache=tmp_path, opener=Server(content))
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("after", [0, 100])
@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("Name or service not known"),
        urllib.error.HTTPError(URL, 404, "Not Found", None, None),  # type: ignore[arg-type]
        TimeoutError("timed out"),
        ConnectionResetError(errno.ECONNRESET, "reset\nby peer"),
        http.client.IncompleteRead(b"abc", 10),
        http.client.BadStatusLine(""),
    ],
)
def test_failed_download_says_what_to_fetch_and_where_to_put_it(tmp_path: Path, error: Exception, after: int) -> None:
    with pytest.raises(MissingWeights) as caught:
        imagenet_checkpoint("resnet18", cache=tmp_path, opener=Server(error=error, after=after))
    text = str(caught.value)
    assert URL in text
    assert str(tmp_path / "weights" / NAME) in text
    assert "\n" not in text
    assert files_in(tmp_path) == []


def test_offline_by_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFIQA_OFFLINE", "1")
    with pytest.raises(MissingWeights, match=f"TFIQA_OFFLINE.*{URL}.*{NAME}"):
        imagenet_checkpoint("resnet18", cache=tmp_path, opener=refuse)
    monkeypatch.setenv("TFIQA_OFFLINE", "0")
    imagenet_checkpoint("resnet18", cache=tmp_path, opener=Server())
    monkeypatch.setenv("TFIQA_OFFLINE", "1")
    imagenet_checkpoint("resnet18", cache=tmp_path, opener=refuse)


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullFile(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_full(path: Path, mode: str) -> IO[bytes]:
        return FullFile(path, "wb") if mode == "wb" else open(path, mode)

    monkeypatch.setattr(imagenet, "open", open_full, raising=False)
    with pytest.raises(StorageError, match="No space left") as caught:
        imagenet_checkpoint("resnet18", cache=tmp_path, opener=Server())
    assert "\n" not in str(caught.value)
    assert files_in(tmp_path) == []


def test_cache_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file in the way")
    with pytest.raises((StorageError, CheckpointError)):
        imagenet_checkpoint("resnet18", cache=tmp_path, opener=Server())


def test_unknown_backbone() -> None:
    with pytest.raises(UnknownName, match="resnet18"):
        imagenet_checkpoint("resnet19")


def test_interrupted_download_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        imagenet_checkpoint("resnet18", cache=tmp_path, opener=_interrupted)
    assert files_in(tmp_path) == []


def _interrupted(url: str) -> AbstractContextManager[IO[bytes]]:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TFIQA_CACHE": "/data/own", "XDG_CACHE_HOME": "/xdg"}, "/data/own"),
        ({"TFIQA_CACHE": "~/own"}, "/home/ann/own"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/tfiqa"),
        ({}, "/home/ann/.cache/tfiqa"),
        ({"XDG_CACHE_HOME": "", "TFIQA_CACHE": ""}, "/home/ann/.cache/tfiqa"),
    ],
)
def test_cache_folder(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str) -> None:
    for name in ("TFIQA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/ann"} | environment).items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == expected


def test_the_cache_folder_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFIQA_CACHE", str(tmp_path))
    assert imagenet_checkpoint("resnet18", opener=Server()).parent == tmp_path / "weights"


def test_redirection_to_plain_http_is_refused() -> None:
    follow: Callable[..., object] = imagenet._HttpsRedirects().redirect_request
    request = urllib.request.Request(URL)
    for target in ("http://download.pytorch.org/x", "file:///etc/passwd", "ftp://x/y"):
        with pytest.raises(urllib.error.URLError, match="not HTTPS"):
            follow(request, None, 302, "Found", {}, target)
    assert follow(request, None, 302, "Found", {}, "https://elsewhere.org/x") is not None
