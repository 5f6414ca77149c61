"""torchvision's ImageNet weights: from the cache, or downloaded into it."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from tfiqa.errors import CheckpointError, MissingWeights, UnknownName
from tfiqa.files import whole_file
from tfiqa.registry import unknown_name

# torchvision/models/resnet.py, weights IMAGENET1K_V1. The first file is what is downloaded; the second holds the same
# weights and was torchvision's until 0.9 (pytorch/vision#3620). By torch.hub's rule a name ends with the start of the
# file's SHA-256.
_FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "resnet18": ("resnet18-f37072fd.pth", "resnet18-5c106cde.pth"),
        "resnet34": ("resnet34-b627a593.pth", "resnet34-333f7ec4.pth"),
        "resnet50": ("resnet50-0676ba61.pth", "resnet50-19c8e357.pth"),
    }
)
_ADDRESS = "https://download.pytorch.org/models/"
_TIMEOUT_SECONDS = 30.0
_CHUNK_BYTES = 1 << 20

Opener = Callable[[str], AbstractContextManager[IO[bytes]]]


def imagenet_checkpoint(name: str, *, cache: Path | None = None, opener: Opener | None = None) -> Path:
    """The path of the torchvision checkpoint of a backbone trained on ImageNet; downloaded if it is not in the cache.

    Args:
        name: "resnet18", "resnet34" or "resnet50".
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
    target = folder / _FILES[name][0]
    _download(target, opener or _open_https)
    return target


def cache_folder() -> Path:
    """$TFIQA_CACHE, else `tfiqa` in $XDG_CACHE_HOME, else ~/.cache/tfiqa."""
    if own := os.environ.get("TFIQA_CACHE"):
        return Path(os.path.expanduser(own))
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "tfiqa"


def _cached(folder: Path, names: Iterable[str]) -> Path | None:
    for path in (folder / name for name in names):
        try:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
        if not _is_digest_of(digest, path):
            raise CheckpointError(f"{path} is damaged: its SHA-256 starts with {digest[:8]}; delete it and try again")
        return path
    return None


def _is_digest_of(digest: str, path: Path) -> bool:
    return digest.startswith(path.stem.rsplit("-", 1)[1])


def _download(target: Path, opener: Opener) -> None:
    url = _ADDRESS + target.name
    if os.environ.get("TFIQA_OFFLINE", "0") not in ("", "0"):
        raise MissingWeights(f"TFIQA_OFFLINE forbids downloads; fetch {url} and put it at {target}")
    digest = hashlib.sha256()
    with whole_file(target) as temporary:
        with open(temporary, "wb") as file:
            for chunk in _received(url, target, opener):
                digest.update(chunk)
                file.write(chunk)
        if not _is_digest_of(digest.hexdigest(), target):
            raise CheckpointError(
                f"{url} arrived damaged or incomplete: its SHA-256 starts with {digest.hexdigest()[:8]}; try again"
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
