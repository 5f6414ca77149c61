"""PyTorch checkpoints as NumPy arrays, read without torch and without running anything from the file."""

from __future__ import annotations

import mmap
import os
import stat
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import CheckpointError
from tfiqa.weights.torch_pickle import Placeholder
from tfiqa.weights.torch_serialization import DAMAGE, WrongKindError, read_stream, read_zip
from tfiqa.weights.torch_tar import read_tar

# Names under which training programs file a state dict: most programs, many trainers, fastai, demos, BasicSR.
_CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "params")
_PARALLEL_PREFIX = "module."  # torch.nn.DataParallel

# What people hand over by mistake: the file's first bytes, and what they say.
_MISTAKEN: tuple[tuple[bytes, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras .h5?), not a PyTorch checkpoint"),
    (b"\xfd7zXZ\x00", "compressed with xz; unpack it first"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"<", "a web page, not a PyTorch checkpoint (a download that asked for confirmation?)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the checkpoint itself"),
)


def state_dict(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """The tensors of a model by name, from a bare state dict or one filed in a checkpoint under a usual name.

    A `module.` in front of all names (torch.nn.DataParallel) is removed. Entries that are no tensors are left out.

    Raises CheckpointError as `read_checkpoint` does, and when the file holds no state dict.
    """
    found = read_checkpoint(path)
    for _ in range(2):  # a container may lie in a container
        inner = next((found[key] for key in _CONTAINERS if isinstance(found, dict) and key in found), None)
        if not isinstance(inner, dict | Placeholder):
            break
        found = inner
    if isinstance(found, Placeholder):
        raise CheckpointError(
            f"{path} holds a whole pickled object ({found.path}), which cannot be read without its code;"
            " save its state_dict() with PyTorch instead"
        )
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} holds no state dict but a {type(found).__name__}")
    tensors = {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, np.ndarray)}
    if not tensors:
        raise CheckpointError(f"{path} holds no state dict; its entries: {_listed(found)}")
    if all(name.startswith(_PARALLEL_PREFIX) for name in tensors):
        return {name.removeprefix(_PARALLEL_PREFIX): value for name, value in tensors.items()}
    return tensors


def read_checkpoint(path: str | os.PathLike[str]) -> Any:
    """The object that `torch.save` wrote, with tensors as NumPy arrays.

    Dictionaries of any kind become `dict`. Tensors and parameters become read-only arrays that view the mapped file
    (bfloat16 by `ml_dtypes`); do not overwrite the file while they are in use. Objects of other classes become inert
    `Placeholder`s.

    Raises CheckpointError, in one line that names the file, when it is missing, no checkpoint, damaged or malicious.
    """
    try:
        return _read(path)
    except WrongKindError as error:
        raise CheckpointError(f"{path} is {error}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except DAMAGE as error:
        said = str(error) if isinstance(error, ValueError | zipfile.BadZipFile) else type(error).__name__
        reason = " ".join(said.split())[:200]
        raise CheckpointError(f"{path} is truncated, damaged or no PyTorch checkpoint: {reason}") from error


def _read(path: str | os.PathLike[str]) -> Any:
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise WrongKindError("a folder, not a checkpoint")
    if not stat.S_ISREG(status.st_mode):
        raise WrongKindError("no regular file")
    if status.st_size == 0:
        raise WrongKindError("empty")
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if data[:2] == b"PK":
            return read_zip(zipfile.ZipFile(file), data)
    for start, meaning in _MISTAKEN:
        if data[: len(start)] == start:
            raise WrongKindError(meaning)
    if data[257:262] == b"ustar":
        return read_tar(data)
    if data[8:10] == b'{"' and int.from_bytes(data[:8], "little") < len(data):
        raise WrongKindError("a safetensors file, not a PyTorch checkpoint")
    return read_stream(data)


def _listed(entries: Mapping[Any, Any]) -> str:
    names = [repr(key)[:40] for key in list(entries)[:5]]
    return ", ".join(names) + (", ..." if len(entries) > 5 else "") if names else "none"
