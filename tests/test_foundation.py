"""Registry, score scale, errors, whole-or-nothing files."""

import os
import pickle

import numpy as np
import pytest

from tfiqa.errors import BrokenPicture, InvalidInput, StorageError, UnknownName
from tfiqa.files import whole_file, whole_folder, write_text
from tfiqa.registry import Registry
from tfiqa.score_scale import ScoreScale


def test_registry_keeps_order_and_metadata():
    registry = Registry("model")
    registry.register("b", year=2020)(1)
    registry.register("a")(2)
    assert registry.names() == ("b", "a")
    assert registry.get("b").metadata == {"year": 2020}
    assert "a" in registry
    with pytest.raises(InvalidInput, match="registered already"):
        registry.register("a")(3)


def test_unknown_name_is_answered_with_near_names():
    registry = Registry("model")
    registry.register("spaq_bl")(1)
    with pytest.raises(UnknownName, match=r"unknown model 'spaq_b'; did you mean 'spaq_bl'\?"):
        registry.get("spaq_b")
    with pytest.raises(UnknownName, match="known: spaq_bl"):
        registry.get("zzz")


def test_score_scale_orients_and_reads_back():
    dmos = ScoreScale(0, 100, False, "LIVE DMOS")
    assert dmos.oriented([1, 2]).tolist() == [-1, -2]
    assert ScoreScale.from_dict(dmos.to_dict()) == dmos
    assert str(dmos) == "LIVE DMOS 0 to 100, lower is better"
    assert np.array_equal(ScoreScale(None, None, True, "x").oriented([3.0]), [3.0])
    with pytest.raises(InvalidInput, match="low < high"):
        ScoreScale(1, 1, True, "x")


def test_picture_error_names_the_file_and_survives_a_process_border():
    error = pickle.loads(pickle.dumps(BrokenPicture("a.jpg", "cut short")))
    assert (str(error), error.name, error.reason) == ("a.jpg: cut short", "a.jpg", "cut short")


def test_whole_file_appears_at_the_end_only(tmp_path):
    target = tmp_path / "new" / "a.csv"
    with whole_file(target) as temporary:
        temporary.write_text("text")
        assert temporary.suffix == ".csv"
        assert not target.exists()
    assert target.read_text() == "text"
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail_halfway():
        with whole_file(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_line(tmp_path):
    def fill_folder():
        with whole_folder(tmp_path / "b") as folder:
            (folder / "part").write_text("x")
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left on device"), whole_file(tmp_path / "a"):
        raise OSError(28, "No space left on device")
    with pytest.raises(StorageError, match="No space left on device"):
        fill_folder()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_told_before_the_work(tmp_path):
    with pytest.raises(StorageError, match="it is a folder"), whole_file(tmp_path):
        pytest.fail("the work began")


def test_whole_folder_does_not_overwrite(tmp_path):
    with whole_folder(tmp_path / "1") as folder:
        (folder / "part").write_text("x")
    assert (tmp_path / "1" / "part").read_text() == "x"
    with pytest.raises(StorageError, match="exists already"), whole_folder(tmp_path / "1"):
        pass


def test_devices_and_pipes_are_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
