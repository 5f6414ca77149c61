"""Runs that stop somewhere and go on, in this process; folders in the way, and settings that changed meanwhile."""

import json
import os
import resource

import pytest
from weak_label_jobs import Here, contents, job, label, pristine

from tfiqa.errors import InvalidInput, StorageError
from tfiqa.features.weak_labels.shard_writer import write_shard


def test_a_full_disk_is_told_in_a_line_and_nothing_is_lost(tmp_path):
    path = pristine(tmp_path, 2)
    label(path, tmp_path / "whole")
    one = job(path, tmp_path / "out")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(StorageError, match=r"cannot write .*pristine-00000-of-00002\.tfrecord: "):
            one.run(Here())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["parts", "plan.json"]
    one.run(Here(), resume=True)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


class Interrupted(Here):
    """Stops after some items, as Ctrl-C does."""

    def __init__(self, after):
        self.after = after

    def run(self, function, items, *, initializer=None):
        yield from super().run(function, items[: self.after])
        raise KeyboardInterrupt


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_interrupted_run_goes_on(tmp_path, after):
    path = pristine(tmp_path, 3)
    label(path, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        job(path, tmp_path / "out").run(Interrupted(after))
    told = []
    job(path, tmp_path / "out").run(Here(), resume=True, progress=lambda *counts: told.append(counts))
    assert told == [(done, 15) for done in range(5 * after, 16, 5)]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_shards_that_vanished_are_made_again(tmp_path):
    path = pristine(tmp_path, 2)
    label(path, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        job(path, tmp_path / "out").run(Interrupted(2))
    (tmp_path / "out/pristine-00000-of-00002.tfrecord").unlink()
    (tmp_path / "out/pristine-00001-of-00002.tfrecord").write_bytes(b"")
    (tmp_path / "out/.1.0123abcd.pristine-00001-of-00002.tfrecord").write_bytes(b"left behind")
    label(path, tmp_path / "out", resume=True)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_killed_between_a_shard_and_its_part(tmp_path):
    path = begun(tmp_path)
    (tmp_path / "out/parts/00000.json").unlink()
    label(path, tmp_path / "out", resume=True)
    label(path, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("step", ["write_table", "write_schema", "ShardList.write", "HistogramEqualization.save"])
def test_killed_at_the_very_end(tmp_path, step):
    path = pristine(tmp_path, 2)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"tfiqa.features.weak_labels.finish.{step}", stop)
        with pytest.raises(KeyboardInterrupt):
            job(path, tmp_path / "out").run(Here())
    assert not (tmp_path / "out/shards.json").exists()
    label(path, tmp_path / "out", resume=True)
    label(path, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_finished_folder_is_left_alone(tmp_path):
    path = pristine(tmp_path, 1)
    label(path, tmp_path / "out")
    before = contents(tmp_path / "out")
    assert job(path, tmp_path / "out").run(None, resume=True) is None
    (tmp_path / "out/parts").mkdir()  # killed when all was done but this
    assert job(path, tmp_path / "out").run(None, resume=True) is None
    assert contents(tmp_path / "out") == before
    assert not (tmp_path / "out/parts").exists()


def begun(tmp_path, **options):
    path = pristine(tmp_path, 2)
    with pytest.raises(KeyboardInterrupt):
        job(path, tmp_path / "out", **options).run(Interrupted(1))
    return path


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": 1}, "seed 0, not 1"),
        ({"draw": "five"}, "draw one, not five"),
        ({"size": (64, 48)}, "size None, not 64x48"),
        ({"measures": ("gmsd",)}, "measures gmsd mdsi, not gmsd"),
        ({"shard_pictures": 10}, "shard_pictures 1, not 10"),
    ],
)
def test_a_run_goes_on_as_it_was_begun(tmp_path, options, told):
    path = begun(tmp_path)
    with pytest.raises(InvalidInput, match=f"was begun with {told}; resume it as it was begun"):
        job(path, tmp_path / "out", **options).run(None, resume=True)


def test_a_run_goes_on_with_its_manifest_and_packages(tmp_path):
    path = begun(tmp_path)
    longer = pristine(tmp_path, 3)
    with pytest.raises(InvalidInput, match="was begun with another manifest"):
        job(longer, tmp_path / "out").run(None, resume=True)
    plan = tmp_path / "out/plan.json"
    plan.write_text(plan.read_text().replace('"numpy": "', '"numpy": "0.'))
    pristine(tmp_path, 2)
    with pytest.raises(InvalidInput, match=r"was begun with numpy 0\.\d"):
        job(path, tmp_path / "out").run(None, resume=True)
    plan.write_text("{")
    with pytest.raises(InvalidInput, match="is damaged"):
        job(path, tmp_path / "out").run(None, resume=True)
    plan.write_text(json.dumps({"format": "other"}))
    with pytest.raises(InvalidInput, match="is no plan"):
        job(path, tmp_path / "out").run(None, resume=True)


def test_folders_in_the_way(tmp_path):
    path = pristine(tmp_path, 1)
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="exists already; --resume continues it"):
        job(path, tmp_path / "out").run(None)
    with pytest.raises(StorageError, match=r"is no folder of `tfiqa extract weak-labels`; it holds s0\.png"):
        job(path, tmp_path / "pictures").run(None, resume=True)
    (tmp_path / "out/.profile").touch()
    with pytest.raises(StorageError, match=r"it holds \.profile"):
        job(path, tmp_path / "out").run(None, resume=True)
    (tmp_path / "out/.profile").unlink()
    label(path, tmp_path / "out", resume=True)


def test_two_runs_at_once(tmp_path):
    path = begun(tmp_path)

    class Second(Here):
        def run(self, function, items, *, initializer=None):
            with pytest.raises(StorageError, match="is being written by another run"):
                job(path, tmp_path / "out").run(Here(), resume=True)
            return super().run(function, items)

    assert job(path, tmp_path / "out").run(Second(), resume=True) is not None


def test_a_shard_is_the_same_when_it_is_written_twice(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        job(pristine(tmp_path, 1), tmp_path / "out").run(Interrupted(1))
    before = contents(tmp_path / "out")
    done = write_shard(job(tmp_path / "pristine.csv", tmp_path / "out").works[0])
    assert contents(tmp_path / "out") == before
    assert (done.records, done.failures) == (5, 0)
    assert all(seconds > 0 for seconds in done.seconds.values())


def test_a_repaired_picture_is_tried_again_when_all_of_a_shard_failed(tmp_path):
    path = pristine(tmp_path, 2)
    picture = tmp_path / "pictures" / "s1.png"
    whole = picture.read_bytes()
    for other in (tmp_path / "pictures").iterdir():
        other.write_bytes(whole[:100])
    with pytest.raises(InvalidInput, match="none of the pictures"):
        label(path, tmp_path / "labels")
    picture.write_bytes(whole)
    finished, records = label(path, tmp_path / "labels", resume=True)
    assert len(records) == 5
    assert len(finished.failures) == 1


def test_failures_of_a_run_in_which_all_failed_are_gone_when_all_succeed(tmp_path):
    path = pristine(tmp_path, 2)
    label(path, tmp_path / "whole")
    (tmp_path / "pictures").rename(tmp_path / "away")
    with pytest.raises(InvalidInput, match="none of the pictures"):
        label(path, tmp_path / "out")
    assert (tmp_path / "out/failures.csv").exists()
    (tmp_path / "away").rename(tmp_path / "pictures")
    label(path, tmp_path / "out", resume=True)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_damaged_part_is_made_again(tmp_path):
    path = begun(tmp_path)
    (tmp_path / "out/parts/00000.json").write_text("{")
    label(path, tmp_path / "out", resume=True)
    label(path, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_names_that_are_not_utf8_are_refused_at_once(tmp_path):
    path = pristine(tmp_path, 1)
    with pytest.raises(InvalidInput, match="UTF-8") as raised:
        job(path, tmp_path / os.fsdecode(b"nu\xff"))
    str(raised.value).encode()
