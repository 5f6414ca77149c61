"""Packing: what is written, that it depends on nothing else, and that failures leave nothing."""

import hashlib
import json
import resource
import struct
from dataclasses import replace
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from packable_manifests import PATHS, SCALE, noise, rich_manifest
from PIL import Image

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import BrokenPicture, InvalidInput, ManifestError, StorageError
from tfiqa.pipelines.records import writer
from tfiqa.pipelines.records.writer import pack_records


@pytest.fixture
def manifest(tmp_path):
    return rich_manifest(tmp_path / "in")


def digests(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def stored_rows(folder):
    """Rows in the order of writing, read from the examples by TensorFlow alone."""
    rows = []
    for file in sorted(folder.glob("*.tfrecord")):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            feature = tf.train.Example.FromString(record).features.feature
            rows.append((feature["image/row"].int64_list.value[0], feature["image/path"].bytes_list.value[0].decode()))
    return rows


def test_the_folder_lists_its_shards(manifest, tmp_path):
    result = pack_records(manifest, tmp_path / "out", shards=3)
    names = [f"photos-{place:05d}-of-00003.tfrecord" for place in range(3)]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [*names, "schema.json", "shards.json"]
    document = json.loads((tmp_path / "out" / "shards.json").read_text())
    assert [shard["file"] for shard in document["shards"]] == names
    assert [shard["rows"] for shard in document["shards"]] == [2, 2, 3]
    for shard in document["shards"]:
        data = (tmp_path / "out" / shard["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (shard["bytes"], shard["sha256"])
    assert document["scale"] == SCALE.to_dict()
    assert (document["rows"], document["skipped"], document["source"]) == (7, 0, "photos.csv")
    assert document["schema_sha256"] == digests(tmp_path / "out")["schema.json"]
    assert result.skipped == []
    assert stored_rows(tmp_path / "out") == list(enumerate(PATHS))


def test_a_record_holds_the_picture_as_it_is(manifest, tmp_path):
    pack_records(manifest, tmp_path / "out")
    (file,) = (tmp_path / "out").glob("*.tfrecord")
    records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    for record, path in zip(records, PATHS, strict=True):
        feature = tf.train.Example.FromString(record).features.feature
        data = (tmp_path / "in" / path).read_bytes()
        assert feature["image/encoded"].bytes_list.value[:] == [data]
        assert feature["image/sha256"].bytes_list.value[:] == [hashlib.sha256(data).hexdigest().encode()]
    turned = tf.train.Example.FromString(records[3]).features.feature  # 30 x 10 pixels, to be turned by a quarter
    assert [turned[f"image/{side}"].int64_list.value[0] for side in ("width", "height")] == [10, 30]
    assert turned["image/format"].bytes_list.value[0] == b"jpeg"
    assert tf.train.Example.FromString(records[4]).features.feature["image/format"].bytes_list.value[0] == b"tiff"


@pytest.mark.parametrize("shuffle", [None, 5])
@pytest.mark.parametrize("shards", range(1, 8))
def test_the_bytes_do_not_depend_on_the_workers(manifest, tmp_path, shards, shuffle):
    for workers in (1, 4):
        pack_records(manifest, tmp_path / f"out{workers}", shards=shards, shuffle=shuffle, workers=workers)
    assert digests(tmp_path / "out1") == digests(tmp_path / "out4")
    assert len(list((tmp_path / "out1").glob("*.tfrecord"))) == shards


def test_keys_do_not_depend_on_where_the_pictures_are(manifest, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "in").rename(tmp_path / "elsewhere" / "moved")
    pack_records(replace(manifest, path=moved / "photos.csv"), tmp_path / "one")
    absolute = manifest.table.assign(
        image=[str(moved / path) for path in PATHS],
        reference=manifest.table["reference"].map(lambda path: str(moved / path), na_action="ignore"),
    )
    pack_records(Manifest(absolute, tmp_path / "photos.csv", SCALE), tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_shuffled_rows_are_in_an_order_of_the_seed(manifest, tmp_path):
    orders = {}
    for seed in (None, 1, 2):
        pack_records(manifest, tmp_path / str(seed), shards=2, shuffle=seed)
        orders[seed] = stored_rows(tmp_path / str(seed))
    assert sorted(orders[1]) == sorted(orders[2]) == orders[None]
    assert len({tuple(order) for order in orders.values()}) == 3
    assert json.loads((tmp_path / "2" / "shards.json").read_text())["shuffle"] == 2


def test_shards_by_size(manifest, tmp_path):
    total = sum(path.stat().st_size for path in manifest.picture_paths())
    assert len(pack_records(manifest, tmp_path / "1", shard_bytes=total).shard_list.shards) == 1
    assert len(pack_records(manifest, tmp_path / "2", shard_bytes=total - 1).shard_list.shards) == 2
    assert len(pack_records(manifest, tmp_path / "3", shard_bytes=1).shard_list.shards) == len(PATHS)


def test_more_shards_than_pictures(manifest, tmp_path):
    with pytest.raises(InvalidInput, match="7 pictures fill no 8 shards"):
        pack_records(manifest, tmp_path / "out", shards=8)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_bad_pictures_are_refused_and_named(manifest, tmp_path):
    (tmp_path / "in" / PATHS[0]).unlink()
    (tmp_path / "in" / PATHS[2]).write_bytes(b"")
    (tmp_path / "in" / PATHS[4]).write_bytes(b"no picture")
    with pytest.raises(InvalidInput, match="3 of 7 pictures cannot be packed") as caught:
        pack_records(manifest, tmp_path / "out")
    text = str(caught.value)
    assert "does not exist" in text
    assert "holds no bytes" in text
    assert "--skip-bad" in text
    assert "\n" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_bad_pictures_are_left_out_on_request(manifest, tmp_path):
    (tmp_path / "in" / PATHS[0]).unlink()
    result = pack_records(manifest, tmp_path / "out", skip_bad=True)
    assert stored_rows(tmp_path / "out") == list(enumerate(PATHS[1:]))
    assert (result.shard_list.rows, result.shard_list.skipped) == (6, 1)
    assert result.skipped == [f"{tmp_path / 'in' / PATHS[0]}: does not exist"]


def test_nothing_left_to_pack(manifest, tmp_path):
    for path in PATHS:
        (tmp_path / "in" / path).unlink()
    with pytest.raises(InvalidInput, match="7 of 7"):
        pack_records(manifest, tmp_path / "out", skip_bad=True)
    assert not (tmp_path / "out").exists()


def test_only_decoding_finds_a_truncated_picture(manifest, tmp_path):
    cut = tmp_path / "in" / PATHS[0]
    cut.write_bytes(cut.read_bytes()[:-60])
    pack_records(manifest, tmp_path / "unseen")
    with pytest.raises(InvalidInput, match="1 of 7 pictures cannot be packed"):
        pack_records(manifest, tmp_path / "seen", verify=True)
    assert not (tmp_path / "seen").exists()


def test_a_picture_that_changes_after_it_was_decoded(manifest, tmp_path):
    def change(done, total):
        if done == total:
            Image.fromarray(noise(9, 8, 8)).save(tmp_path / "in" / "grey.png")

    with pytest.raises(BrokenPicture, match="changed while it was packed"):
        pack_records(manifest, tmp_path / "out", verify=True, look_progress=change)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_in_the_way(manifest, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="exists already"):
        pack_records(manifest, tmp_path / "out")


def test_a_column_that_records_cannot_hold(manifest, tmp_path):
    dated = replace(manifest, table=manifest.table.assign(taken=pd.Timestamp(0)))
    with pytest.raises(ManifestError, match="taken"):
        pack_records(dated, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("settings", [{"shards": 0}, {"shard_bytes": 0}])
def test_counts_below_one(manifest, tmp_path, settings):
    with pytest.raises(InvalidInput, match="counted from 1"):
        pack_records(manifest, tmp_path / "out", **settings)


@pytest.fixture
def many(tmp_path):
    """Sixty pictures of 30 kB."""
    (tmp_path / "in").mkdir()
    for place in range(60):
        Image.fromarray(noise(place, 100, 100, 3)).save(tmp_path / "in" / f"{place}.png")
    table = pd.DataFrame({"image": [f"{place}.png" for place in range(60)], "score": np.arange(60.0)})
    return Manifest(table, tmp_path / "in" / "many.csv", SCALE)


@pytest.mark.parametrize("limit", [40_000, 200_000])  # within the first record, and after some
def test_a_full_disk_leaves_nothing(many, tmp_path, limit):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(StorageError, match="out: File too large"):
            pack_records(many, tmp_path / "out", shards=3, workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_failure_stops_the_other_shards(many, tmp_path, monkeypatch):
    written = []

    def picture_values(data, name):
        written.append(name)
        if len(written) == 3:
            raise OSError(5, "Input/output error")
        return original(data, name)

    original = writer.picture_values
    monkeypatch.setattr(writer, "picture_values", picture_values)
    with pytest.raises(StorageError, match="Input/output error"):
        pack_records(many, tmp_path / "out", shards=30, workers=2)
    assert len(written) < 20
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_progress_counts_every_picture_once(many, tmp_path):
    steps, looks = [], []
    pack_records(
        many,
        tmp_path / "out",
        shards=4,
        workers=4,
        progress=lambda *step: steps.append(step),
        look_progress=lambda *step: looks.append(step),
    )
    assert steps == looks == [(done, 60) for done in range(1, 61)]


def test_records_are_framed_as_tensorflow_does(many, tmp_path):
    """Length (8 bytes), its checksum (4), data, its checksum (4)."""
    pack_records(many, tmp_path / "out", shards=1)
    data = next((tmp_path / "out").glob("*.tfrecord")).read_bytes()
    position, rows = 0, 0
    while position < len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        position += 8 + 4 + length + 4
        rows += 1
    assert (position, rows) == (len(data), 60)


def test_two_at_once_do_not_meet(many, tmp_path):
    threads = [
        Thread(target=pack_records, args=(many, tmp_path / name), kwargs={"shards": 2}) for name in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
