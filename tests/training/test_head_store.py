"""The features of a run on disk, as its worker processes read them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from head_features import SCALE, planted

from tfiqa.errors import StorageError
from tfiqa.training.heads.task import Stored


def write(folder, parts):
    pictures = sum(map(len, parts))
    stored = Stored(str(folder), SCALE)
    stored.write(parts, np.arange(pictures, dtype=np.float64), np.zeros((2, pictures), np.uint8))
    return stored


def test_what_is_written_reads_back(tmp_path, monkeypatch):
    one, two = planted(tmp_path, views=2), planted(tmp_path, views=2, seed=1, pictures=7)
    two = replace(two, features=two.features.astype(np.float32)[:, :, ::-1])
    with monkeypatch.context() as patch:  # a disk that fills up under a mapped file kills the process
        patch.setattr(np, "memmap", None)
        stored = write(tmp_path / "work", [one, two])
    assert isinstance(stored.features, np.memmap)
    assert stored.features.dtype == np.float32
    assert np.array_equal(stored.features, np.concatenate([one.features, two.features]))
    assert write(tmp_path / "half", [one]).features.dtype == np.float16
    assert stored.scores.tolist() == list(range(67))
    assert {name: len(rows) for name, rows in stored.rows(1).items()} == {"train": 67, "validation": 0, "test": 0}


def test_a_full_disk_is_told_in_a_line(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    (tmp_path / "features.npy").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"cannot write .*features\.npy: No space left on device"):
        write(tmp_path, [planted(tmp_path)])
