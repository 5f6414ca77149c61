"""torchvision's and Keras' ImageNet weights: from the cache, or downloaded into it."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from tfiqa.errors import CheckpointError, MissingWeights, UnknownName
from tfiqa.files import whole_file
from tfiqa.registry import unknown_name


@dataclass(frozen=True)
class PublishedFile:
    """A file as its publisher offers it.

    Args:
        url: where it is.
        digest: of its content, in hexadecimal digits, the first ones at least; empty where the publisher names none.
        algorithm: the digest's, "sha256" or "md5".
    """

    url: str
    digest: str
    algorithm: str = "sha256"

    @property
    def name(self) -> str:
        """The file's name, there and in the cache."""
        return self.url.rpartition("/")[2]


def torchvision(name: str) -> PublishedFile:
    """A file of torchvision; by torch.hub's rule its name ends with the start of its SHA-256."""
    return PublishedFile(f"https://download.pytorch.org/models/{name}", Path(name).stem.rsplit("-", 1)[1])


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
# The first file is what is downloaded; a second one holds the same weights.
_FILES: Mapping[str, tuple[PublishedFile, ...]] = MappingProxyType(
    {
        # torchvision/models/resnet.py, weights IMAGENET1K_V1; the second was torchvision's until 0.9 (pytorch/vision#3620).
        "resnet18": (torchvision("resnet18-f37072fd.pth"), torchvision("resnet18-5c106cde.pth")),
        "resnet34": (torchvision("resnet34-b627a593.pth"), torchvision("resnet34-333f7ec4.pth")),
        "resnet50": (torchvision("resnet50-0676ba61.pth"), torchvision("resnet50-19c8e357.pth")),
        "vgg16": (torchvision("vgg16-397923af.pth"),),  # torchvision/models/vgg.py
        # The files without a top that keras/src/applications names, with their MD5, which MobileNet and MobileNetV2 lack.
        "inception_resnet_v2": (
            PublishedFile(
                f"{_KERAS}/inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "d19885ff4a710c122648d3b5c3b684e4",
                "md5",
            ),
        ),
        "mobilenet": (PublishedFile(f"{_KERAS}/mobilenet/mobilenet_1_0_224_tf_no_top.h5", ""),),
        "mobilenet_v2": (
            PublishedFile(
                f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", ""
            ),
        ),
        "mobilenet_v3_small": (
            PublishedFile(
                f"{_KERAS}/mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
                "d3e8ec802a04aa4fc771ee12a9a9b836",
                "md5",
            ),
        ),
        "efficientnet_v2_b0": (
            PublishedFile(
                f"{_KERAS}/efficientnet_v2/efficientnetv2-b0_notop.h5", "893217f2bb855e2983157299931e43ff", "md5"
            ),
        ),
    }
)
_TIMEOUT_SECONDS = 30.0
_CHUNK_BYTES = 1 << 20

Opener = Callable[[str], AbstractContextManager[IO[bytes]]]


def imagenet_checkpoint(name: str, *, cache: Path | None = None, opener: Opener | None = None) -> Path:
    """The path of the weights of a backbone trained on ImageNet; downloaded if they are not in the cache.

    Args:
        name: "resnet18", "resnet34", "resnet50" or "vgg16" for torchvision's checkpoint; "inception_resnet_v2",
            "mobilenet", "mobilenet_v2", "mobilenet_v3_small" or "efficientnet_v2_b0" for Keras' HDF5 file without the top.
        cache: folder whose subfolder `weights` holds the files; default `cache_folder()`.
        opener: opens a URL for reading; default an HTTPS request.

    Raises:
        UnknownName: there is no such backbone.
        CheckpointError: the cached or downloaded file is not the one its name says.
        MissingWeights: not cached, and the download failed or TFIQA_OFFLINE forbids it.
        StorageError: the cache cannot be written.
    """
    if name not in _FILES:
        raise UnknownName(unknown_name("ImageNet backbone", name, _FILES))
    folder = (cache or cache_folder()) / "weights"
    if cached := _cached(folder, _FILES[name]):
        return cached
    _download(_FILES[name][0], folder, opener or _open_https)
    return folder / _FILES[name][0].name


def cache_folder() -> Path:
    """$TFIQA_CACHE, else `tfiqa` in $XDG_CACHE_HOME, else ~/.cache/tfiqa."""
    if own := os.environ.get("TFIQA_CACHE"):
        return Path(os.path.expanduser(own))
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "tfiqa"


def _cached(folder: Path, files: Iterable[PublishedFile]) -> Path | None:
    for file in files:
        path = folder / file.name
        try:
            with open(path, "rb") as content:
                digest = hashlib.file_digest(content, file.algorithm).hexdigest()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
        if not digest.startswith(file.digest):
            raise CheckpointError(f"{path} is damaged: {_start(file, digest)}; delete it and try again")
        return path
    return None


def _start(file: PublishedFile, digest: str) -> str:
    return f"its {file.algorithm.upper()} starts with {digest[:8]}"


def _download(file: PublishedFile, folder: Path, opener: Opener) -> None:
    target = folder / file.name
    if os.environ.get("TFIQA_OFFLINE", "0") not in ("", "0"):
        raise MissingWeights(f"TFIQA_OFFLINE forbids downloads; fetch {file.url} and put it at {target}")
    digest = hashlib.new(file.algorithm)
    with whole_file(target) as temporary:
        with open(temporary, "wb") as sink:
            for chunk in _received(file.url, target, opener):
                digest.update(chunk)
                sink.write(chunk)
        if not digest.hexdigest().startswith(file.digest):
            raise CheckpointError(
                f"{file.url} arrived damaged or incomplete: {_start(file, digest.hexdigest())}; try again"
            )


def _received(url: str, target: Path, opener: Opener) -> Iterator[bytes]:
    """The answer in pieces. Failures of the network become MissingWeights; the disk's do not pass through here."""
    try:
        with opener(url) as response:
            while chunk := response.read(_CHUNK_BYTES):
                yield chunk
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: an unusable proxy setting
        reason = " ".join(str(error).split()) or type(error).__name__
        raise MissingWeights(f"download failed ({reason}); fetch {url} and put it at {target}") from error


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but only to HTTPS."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urllib.parse.urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"redirected to {newurl}, which is not HTTPS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open_https(url: str) -> AbstractContextManager[IO[bytes]]:
    response: AbstractContextManager[IO[bytes]] = urllib.request.build_opener(_HttpsRedirects).open(
        url, timeout=_TIMEOUT_SECONDS
    )
    return response
