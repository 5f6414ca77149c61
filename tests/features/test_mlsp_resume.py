"""Runs that stop somewhere and go on, in this process; settings that changed meanwhile."""

import shutil

import pytest
from mlsp_jobs import extract, job, save_model, save_pictures
from weak_label_jobs import Here, contents

from tfiqa.errors import InvalidInput, StorageError
from tfiqa.features.mlsp.shard_writer import write_shard

COUNT = 6
SHARD = 2


class Interrupted(Here):
    """Stops after some items, as Ctrl-C does."""

    def __init__(self, after):
        self.after = after

    def run(self, function, items, *, initializer=None):
        yield from super().run(function, items[: self.after])
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder of pictures and a model, and what an uninterrupted run made of them."""
    folder = tmp_path_factory.mktemp("whole")
    save_model(folder / "m.keras")
    save_pictures(folder, COUNT, ((40, 48), (48, 40)))
    extract(folder / "m.csv", folder / "out", folder / "m.keras", shard_pictures=SHARD)
    return folder


def begin(whole, out, after, **options):
    with pytest.raises(KeyboardInterrupt):
        job(whole / "m.csv", out, whole / "m.keras", shard_pictures=SHARD, **options).run(Interrupted(after))


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_interrupted_run_goes_on(whole, tmp_path, after):
    begin(whole, tmp_path / "out", after)
    told = []
    again = job(whole / "m.csv", tmp_path / "out", whole / "m.keras", shard_pictures=SHARD)
    again.run(Here(), resume=True, progress=lambda *counts: told.append(counts))
    assert told == [(done, COUNT) for done in range(SHARD * after, COUNT + 1, SHARD)]
    assert contents(tmp_path / "out") == contents(whole / "out")


def test_what_vanished_is_made_again(whole, tmp_path):
    begin(whole, tmp_path / "out", 2)
    (tmp_path / "out/m-00000-of-00003.tfrecord").unlink()
    (tmp_path / "out/parts/00001.json").write_text("{")
    (tmp_path / "out/model.keras").write_bytes(b"cut short")
    (tmp_path / "out/.1.0123abcd.model.keras").write_bytes(b"left behind")
    extract(whole / "m.csv", tmp_path / "out", whole / "m.keras", shard_pictures=SHARD, resume=True)
    assert contents(tmp_path / "out") == contents(whole / "out")


@pytest.mark.parametrize("step", ["write_schema", "ShardList.write"])
def test_killed_at_the_very_end(whole, tmp_path, step):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"tfiqa.features.mlsp.finish.{step}", stop)
        with pytest.raises(KeyboardInterrupt):
            extract(whole / "m.csv", tmp_path / "out", whole / "m.keras", shard_pictures=SHARD)
    assert not (tmp_path / "out/shards.json").exists()
    extract(whole / "m.csv", tmp_path / "out", whole / "m.keras", shard_pictures=SHARD, resume=True)
    assert contents(tmp_path / "out") == contents(whole / "out")


def test_a_shard_is_the_same_when_it_is_written_twice(whole, tmp_path):
    begin(whole, tmp_path / "out", 1)
    before = contents(tmp_path / "out")
    done = write_shard(job(whole / "m.csv", tmp_path / "out", whole / "m.keras", shard_pictures=SHARD).works[0])
    assert contents(tmp_path / "out") == before
    assert (done.records, done.failures) == (SHARD, 0)


def test_a_finished_folder_is_left_alone(whole):
    before = contents(whole / "out")
    again = job(whole / "m.csv", whole / "out", whole / "m.keras", shard_pictures=SHARD)
    assert again.run(None, resume=True) is None
    assert contents(whole / "out") == before
    with pytest.raises(StorageError, match="exists already; --resume continues it"):
        again.run(None)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dtype": "float32"}, "dtype float16, not float32"),
        ({"views": "train"}, "views whole, not train"),
        ({"precision": "bfloat16"}, "precision float32, not bfloat16"),
        ({"batch_size": 2}, "batch_size 8, not 2"),
        ({"device": "gpu", "batch_size": 8}, "device cpu, not gpu"),
        ({"shard_pictures": 3}, "shard_pictures 2, not 3"),
    ],
)
def test_a_run_goes_on_as_it_was_begun(whole, tmp_path, options, told):
    begin(whole, tmp_path / "out", 0)
    again = job(whole / "m.csv", tmp_path / "out", whole / "m.keras", **{"shard_pictures": SHARD, **options})
    with pytest.raises(InvalidInput, match=f"was begun with {told}; resume it as it was begun"):
        again.run(None, resume=True)


def test_failures_of_a_run_in_which_all_failed_are_gone_when_all_succeed(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "in", ignore=shutil.ignore_patterns("out", "pictures"))
    arguments = tmp_path / "in/m.csv", tmp_path / "out", tmp_path / "in/m.keras"
    with pytest.raises(InvalidInput, match="none of the pictures"):
        extract(*arguments, shard_pictures=SHARD)
    assert (tmp_path / "out/failures.csv").exists()
    shutil.copytree(whole / "pictures", tmp_path / "in/pictures")
    assert extract(*arguments, shard_pictures=SHARD, resume=True).failures.empty
    assert contents(tmp_path / "out") == contents(whole / "out")


def test_a_run_goes_on_with_its_model_and_manifest(whole, tmp_path):
    begin(whole, tmp_path / "out", 1)
    other = save_model(tmp_path / "other.keras", seed=1)
    with pytest.raises(InvalidInput, match="was begun with another model;"):
        job(whole / "m.csv", tmp_path / "out", other, shard_pictures=SHARD).run(None, resume=True)
    text = (whole / "m.csv").read_text()
    shutil.copytree(whole / "pictures", tmp_path / "pictures")
    (tmp_path / "m.csv").write_text(text.replace("10.0", "11.0"))
    with pytest.raises(InvalidInput, match="was begun with another manifest;"):
        job(tmp_path / "m.csv", tmp_path / "out", whole / "m.keras", shard_pictures=SHARD).run(None, resume=True)
