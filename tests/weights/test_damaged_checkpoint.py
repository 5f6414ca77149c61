"""Files that are damaged or something else: one clear CheckpointError each, and never another exception."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from torch_files import (
    WRITERS,
    refused,
    small_state,
    stream_bytes,
    tar_bytes,
    write,
    zip_bytes,
)

from tfiqa.errors import CheckpointError
from tfiqa.weights.torch_checkpoint import read_checkpoint, state_dict

every_form = pytest.mark.parametrize("form", WRITERS)


@every_form
def test_truncation_anywhere_is_noticed(tmp_path: Path, form: str) -> None:
    whole = WRITERS[form](small_state())
    # A tar archive is padded, so its last blocks may go unnoticed.
    end = len(whole.rstrip(b"\0")) if form == "tar" else len(whole)
    for length in range(0, end, 5):
        refused(write(tmp_path / "file.pt", whole[:length]))


def test_damaged_weights_in_a_zip_are_noticed(tmp_path: Path) -> None:
    content = zip_bytes(small_state())
    position = content.index(np.arange(12, dtype=np.float32).tobytes()) + 6
    damaged = content[:position] + b"\x7f" + content[position + 1 :]
    assert "checksum" in refused(write(tmp_path / "file.pt", damaged))


def test_a_zip_saved_without_checksums_is_read(tmp_path: Path) -> None:
    content = zip_bytes(small_state())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            content = content.replace(info.CRC.to_bytes(4, "little"), bytes(4))
    np.testing.assert_array_equal(state_dict(write(tmp_path / "file.pt", content))["bn.bias"], np.ones(3))


def test_zip_archives_that_torch_never_writes(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    assert "compressed" in refused(write(path, zip_bytes(small_state(), compression=zipfile.ZIP_DEFLATED)))
    assert "elements" in refused(write(path, zip_bytes(small_state(), replaced={"data/0": b"\0" * 44})))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.npy", b"x")
    assert "data.pkl" in refused(path)
    with zipfile.ZipFile(path, "w"):
        pass
    assert "data.pkl" in refused(path)


def test_storage_that_is_missing_in_the_zip(tmp_path: Path) -> None:
    whole = zip_bytes(small_state())
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(tmp_path / "file.pt", "w") as copy:
        for info in archive.infolist():
            if not info.filename.endswith("data/1"):
                copy.writestr(info, archive.read(info))
    assert "data/1 is missing" in refused(tmp_path / "file.pt")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"conv.weight":{"dtype":"F32"}}' + bytes(100), "safetensors"),
        (b"<!DOCTYPE html><html>Google Drive - Virus scan warning</html>", "web page"),
        (b"\xfd7zXZ\x00" + bytes(50), "unpack"),
        (b"\x1f\x8b" + bytes(50), "unpack"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "LFS"),
        (b"just some text", "no PyTorch checkpoint"),
        (bytes(1000), "no PyTorch checkpoint"),
        (pickle.dumps({"a": 1}), "torch.save did not write"),
        (pickle.dumps([1, 2]), "torch.save did not write"),
        (stream_bytes(1, version=1002), "version"),
        (b"PK\x03\x04" + bytes(100), "damaged"),
    ],
)
def test_files_given_by_mistake_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(write(tmp_path / "file.pth", content))


def test_keras_file_given_by_mistake(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, b"{}")
    assert "Keras" in refused(tmp_path / "model.keras")


def test_tar_archive_of_something_else(tmp_path: Path) -> None:
    content = tar_bytes(1).replace(b"storages\0", b"pictures\0")
    assert "tar archive without storages" in refused(write(tmp_path / "file.pth", content))


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    assert "folder" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "missing.pth")
    os.mkfifo(tmp_path / "pipe")
    assert "regular" in refused(tmp_path / "pipe")
    with pytest.raises(CheckpointError):
        read_checkpoint("a\0b")


def test_names_from_the_file_keep_the_error_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "file.pt", zip_bytes({"a\nb" * 100: 1, "c": 2}))
    with pytest.raises(CheckpointError) as caught:
        state_dict(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
