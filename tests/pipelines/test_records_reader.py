"""Reading back: the manifest and the pictures that were packed, or one line on what is wrong."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from packable_manifests import PATHS, SCALE, rich_manifest, rich_table

from tfiqa.databases.groups import group_keys
from tfiqa.databases.manifest import Manifest, read_manifest, write_manifest
from tfiqa.errors import DatabaseLayoutError, InvalidInput, TfiqaError, UnknownName
from tfiqa.images.decode import decode_picture
from tfiqa.pipelines.records.reader import read_records
from tfiqa.pipelines.records.writer import pack_records


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return rich_manifest(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def packed(sources, tmp_path_factory):
    """Three shards in the manifest's order."""
    return pack_records(sources, tmp_path_factory.mktemp("packed") / "out", shards=3).folder


@pytest.fixture
def copy(packed, tmp_path):
    """A packed folder to damage."""
    return shutil.copytree(packed, tmp_path / "copy")


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("shuffle", [None, 3])
@pytest.mark.parametrize("shards", range(1, 8))
def test_the_manifest_comes_back(sources, tmp_path, shards, shuffle):
    pack_records(sources, tmp_path / "out", shards=shards, shuffle=shuffle)
    records = read_records(tmp_path / "out")
    after = records.manifest()
    pd.testing.assert_frame_equal(after.table, rich_table(), check_exact=True)
    assert after.scale == records.scale == SCALE
    assert len(records) == len(after) == 7


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_manifest_from_a_file_comes_back(sources, tmp_path, ending):
    write_manifest(sources, tmp_path / f"m{ending}")
    before = read_manifest(tmp_path / f"m{ending}")
    pack_records(before, tmp_path / "out", shards=2)
    after = read_records(tmp_path / "out").manifest()
    columns = [column for column in before.table if column not in ("image", "reference")]
    pd.testing.assert_frame_equal(after.table[columns], before.table[columns], check_exact=True)
    assert after.table.columns.tolist() == before.table.columns.tolist()
    assert after.table["image"].tolist() == PATHS
    assert group_keys(after.table).nunique() == group_keys(before.table).nunique()
    assert after.scale == before.scale


def test_a_manifest_of_names_alone(sources, tmp_path):
    bare = Manifest(pd.DataFrame({"image": [PATHS[1]]}), sources.path, SCALE)
    pack_records(bare, tmp_path / "out")
    assert read_records(tmp_path / "out").manifest().table.to_dict("list") == {"image": ["ünïcode 写真.png"]}
    assert read_records(tmp_path / "out").dataset(decode=False).element_spec.keys() == {
        "image",
        "image/path",
        "image/row",
    }


def test_pictures_decode_as_from_their_files(sources, tmp_path):
    pack_records(sources, tmp_path / "out", shards=2, shuffle=4)
    dataset = read_records(tmp_path / "out").dataset([])
    assert dataset.element_spec["image"] == tf.TensorSpec((None, None, 3), tf.uint8)
    rows = list(dataset.as_numpy_iterator())
    assert sorted(row["image/row"] for row in rows) == list(range(7)) != [row["image/row"] for row in rows]
    for row in rows:
        path = PATHS[row["image/row"]]
        assert row["image/path"].decode() == path
        np.testing.assert_array_equal(row["image"], decode_picture(sources.path.parent / path))


def test_cells_of_the_dataset_are_the_manifest_s(packed):
    rows = list(read_records(packed).dataset(decode=False).as_numpy_iterator())
    table = rich_table()
    assert [row["image/row"] for row in rows] == list(range(7))
    for column in ("score", "score_std", "exif_focal_length", "level", "scene_indoor", "checked"):
        cells = np.array([row[column] for row in rows])
        assert cells.dtype == table[column].dtype
        np.testing.assert_array_equal(cells, table[column].to_numpy())
    for column in ("group", "boxes"):
        missing = table[column].isna()
        assert [row[f"{column}/missing"] for row in rows] == missing.tolist()
        assert [row[column].decode() for row in rows] == table[column].fillna("").tolist()
    assert [row["note"].decode() for row in rows] == table["note"].tolist()


def test_encoded_pictures_are_the_files(sources, packed):
    rows = read_records(packed).dataset(["image", "score"], decode=False).as_numpy_iterator()
    for row, path in zip(rows, PATHS, strict=True):
        assert row.keys() == {"image", "image/path", "image/row", "score"}
        assert row["image"] == (sources.path.parent / path).read_bytes()


def test_the_dataset_says_what_it_holds(packed):
    dataset = read_records(packed).dataset(["score", "note"], decode=False)
    assert dataset.cardinality().numpy() == 7
    assert dataset.element_spec["image"] == tf.TensorSpec((), tf.string)
    assert dataset.element_spec["score"] == tf.TensorSpec((), tf.float64)
    assert dataset.element_spec["note"] == tf.TensorSpec((), tf.string)


def test_orders(packed):
    records = read_records(packed)

    def order(**settings):
        return tuple(row["image/row"] for row in records.dataset([], decode=False, **settings).as_numpy_iterator())

    assert order() == tuple(range(7))
    assert sorted(order(deterministic=False)) == list(range(7))
    assert order(shuffle_files=1) == order(shuffle_files=1)
    orders = {order(shuffle_files=seed) for seed in range(8)}
    assert len(orders) > 3
    assert all(sorted(one) == list(range(7)) for one in orders)


@pytest.mark.parametrize(
    ("max_pixels", "good", "said"), [(10**6, 2, "cannot be read"), (500, 0, "more than the limit")]
)
def test_pictures_that_the_graph_refuses(packed, max_pixels, good, said):
    """Without Pillow the third picture, a CMYK JPEG, is an error; the first has 960 pixels."""
    records, rows = read_records(packed), []
    with pytest.raises(InvalidInput, match=said) as caught, records.errors():
        rows.extend(row["image/row"] for row in records.dataset([], allow_pillow=False, max_pixels=max_pixels))
    assert rows == list(range(good))
    assert "\n" not in str(caught.value)
    assert "{{" not in str(caught.value)


def test_an_unknown_column(packed):
    with pytest.raises(UnknownName, match="score"):
        read_records(packed).dataset(["scroe"])


def test_what_is_known_of_each_picture(sources, packed):
    pictures = read_records(packed).pictures()
    assert pictures["path"].tolist() == PATHS
    assert pictures["format"].tolist() == ["jpeg", "png", "jpeg", "jpeg", "tiff", "webp", "png"]
    assert pictures.loc[3, ["width", "height"]].tolist() == [10, 30]
    files = [sources.path.parent / path for path in PATHS]
    assert pictures["sha256"].tolist() == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def test_anyone_can_parse_the_records_by_the_schema_s_file(packed):
    document = json.loads((packed / "schema.json").read_text(encoding="utf-8"))
    types = {"bytes": tf.string, "int64": tf.int64, "float32": tf.float32}
    spec = {
        entry["name"]: tf.io.FixedLenFeature(entry["shape"], types[entry["dtype"]]) for entry in document["features"]
    }
    assert spec == read_records(packed).feature_spec()
    files = sorted(str(file) for file in packed.glob("*.tfrecord"))
    rows = [tf.io.parse_single_example(record, spec) for record in tf.data.TFRecordDataset(files)]
    np.testing.assert_array_equal([row["score_std"] for row in rows], rich_table()["score_std"].astype(np.float32))
    exact = tf.io.decode_raw([row["score/exact"] for row in rows], tf.float64)[:, 0]
    np.testing.assert_array_equal(exact, rich_table()["score"])
    assert tf.io.decode_png(rows[6]["image/encoded"]).shape == (8, 8, 1)


def test_a_sound_folder_passes_the_check(packed):
    steps = []
    read_records(packed).check(progress=lambda *step: steps.append(step))
    assert steps[-1] == (7, 7)


@pytest.mark.parametrize("position", [0, 9, 40, -100, -1])  # length, its checksum, keys or picture, data, last checksum
def test_one_flipped_bit_is_found(copy, position):
    shard = copy / "photos-00001-of-00003.tfrecord"
    flip(shard, position)
    records = read_records(copy)
    with pytest.raises(InvalidInput, match=f"1 shard is damaged or missing: {shard.name} has another SHA-256"):
        records.check()
    with pytest.raises(InvalidInput, match="a record is damaged"):
        records.manifest()
    with pytest.raises(InvalidInput, match="--check") as caught, records.errors():
        list(records.dataset([], decode=False))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda shard: shard.unlink(), "cannot be read: No such file"),
        (lambda shard: shard.write_bytes(shard.read_bytes()[:-1]), r"has \d+ bytes instead of \d+"),
        (lambda shard: shard.write_bytes(b""), "has 0 bytes"),
    ],
)
def test_a_missing_or_cut_shard_is_named_at_once(copy, harm, said):
    harm(copy / "photos-00002-of-00003.tfrecord")
    with pytest.raises(DatabaseLayoutError, match=f"photos-00002-of-00003.tfrecord {said}"):
        read_records(copy)


def test_a_shard_that_vanishes_later(copy):
    records = read_records(copy)
    (copy / "photos-00002-of-00003.tfrecord").unlink()
    with pytest.raises(InvalidInput, match="No such file"):
        records.manifest()
    with pytest.raises(InvalidInput, match=r"photos-00002-of-00003\.tfrecord cannot be read"):
        records.check()


def test_a_schema_that_was_changed(copy):
    edit(copy / "schema.json", lambda document: document["features"].pop())
    with pytest.raises(DatabaseLayoutError, match=r"schema\.json is not as it was packed"):
        read_records(copy)


def test_shards_of_other_columns(copy, sources, tmp_path):
    """The schema and the list agree with each other, and the records with neither."""
    fewer = replace(sources, table=sources.table.drop(columns="note"))
    other = pack_records(fewer, tmp_path / "other", shards=3).folder
    for file in other.glob("*.tfrecord"):
        shutil.copy(file, copy)
    shards = json.loads((other / "shards.json").read_text())["shards"]
    edit(copy / "shards.json", lambda document: document.update(shards=shards))
    with pytest.raises(InvalidInput, match=r"Feature: note .* could not be found") as caught:
        read_records(copy).manifest()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"manifest_sha256": "0" * 64}, {"scale": {**SCALE.to_dict(), "unit": "MOS"}}])
def test_a_list_of_shards_that_does_not_fit(copy, change):
    edit(copy / "shards.json", lambda document: document.update(change))
    with pytest.raises(InvalidInput, match="not those that were packed"):
        read_records(copy).check()


def test_a_list_of_shards_that_does_not_add_up(copy):
    edit(copy / "shards.json", lambda document: document["shards"].pop())
    with pytest.raises(DatabaseLayoutError, match="add up"):
        read_records(copy)


def test_a_row_twice(copy):
    """A shard of the same rows under another's name, and listed so."""

    def list_first_twice(document):
        first, second, _ = document["shards"]
        document["shards"][1] = {**first, "file": second["file"]}

    shutil.copy(copy / "photos-00000-of-00003.tfrecord", copy / "photos-00001-of-00003.tfrecord")
    edit(copy / "shards.json", list_first_twice)
    with pytest.raises(InvalidInput, match="rows are missing, or there more than once"):
        read_records(copy).check()


def test_records_of_something_else(copy):
    shard = copy / "photos-00000-of-00003.tfrecord"
    with tf.io.TFRecordWriter(str(shard)) as file:
        file.write(b"\xff\xfe no example")
    edit(copy / "shards.json", lambda document: document["shards"][0].update(bytes=shard.stat().st_size))
    with pytest.raises(InvalidInput, match=r"no tf.train.Example"):
        read_records(copy).manifest()


@pytest.mark.parametrize("place", ["nowhere", "", "file.txt"])
def test_other_folders(tmp_path, place):
    (tmp_path / "file.txt").write_text("text")
    with pytest.raises(TfiqaError, match="is no folder that `tfiqa data pack` wrote"):
        read_records(tmp_path / place)
