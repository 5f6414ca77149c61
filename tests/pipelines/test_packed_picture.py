"""Pictures drawn one by one from a packed folder."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import BrokenPicture, DatabaseLayoutError, ManifestError
from tfiqa.images.decode import decode_picture
from tfiqa.pipelines.labelled_pictures import join, read_labelled_pictures
from tfiqa.pipelines.records.packed_picture import check_packed, decode_source, packed_pictures
from tfiqa.pipelines.records.reader import read_records
from tfiqa.pipelines.records.writer import pack_records

PICTURES = 7


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(PICTURES):
        picture = rng.integers(0, 256, (20 + i, 30, 3)).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    table = pd.DataFrame({"image": [f"{i}.png" for i in range(PICTURES)], "score": np.arange(PICTURES) / 3})
    table.to_csv(tmp_path / "m.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("shuffle", [None, 5])
def test_every_row_has_its_own_picture(source, shuffle):
    pack_records(read_manifest(source / "m.csv"), source / "packed", shards=3, shuffle=shuffle)
    rows = read_labelled_pictures(source / "packed", required=("image", "score"))
    assert rows.manifest.table["score"].tolist() == (np.arange(PICTURES) / 3).tolist()
    for name, picture in zip(rows.manifest.table["image"], rows.sources, strict=True):
        np.testing.assert_array_equal(decode_source(picture), decode_picture(source / name))
        assert str(picture) == str(source / "packed" / name)


def test_a_mask_keeps_rows_and_pictures_together(source):
    pack_records(read_manifest(source / "m.csv"), source / "packed")
    rows = read_labelled_pictures(source / "packed")
    chosen = rows.where(np.arange(PICTURES) % 3 == 1)
    assert chosen.manifest.table["image"].tolist() == ["1.png", "4.png"]
    assert chosen.sources == (rows.sources[1], rows.sources[4])


def test_files_and_records_join(source):
    table = pd.read_csv(source / "m.csv")
    table[:3].to_csv(source / "some.csv", index=False)
    pack_records(read_manifest(source / "m.csv"), source / "packed")
    both = join([read_labelled_pictures(source / "some.csv"), read_labelled_pictures(source / "packed")])
    assert len(both) == len(both.manifest) == 3 + PICTURES
    np.testing.assert_array_equal(decode_source(both.sources[1]), decode_source(both.sources[4]))


def test_checks_tell_sizes_and_digests(source):
    pack_records(read_manifest(source / "m.csv"), source / "packed")
    steps = []
    pictures = read_labelled_pictures(source / "packed").sources
    checks = check_packed(pictures, progress=lambda done, total: steps.append((done, total)))
    assert [(check.height, check.width) for check in checks] == [(20 + i, 30) for i in range(PICTURES)]
    assert [check.sha256 for check in checks] == read_records(source / "packed").pictures()["sha256"].tolist()
    assert steps[-1] == (PICTURES, PICTURES)
    assert [check.error is None for check in check_packed(pictures, max_pixels=22 * 30)] == [True] * 3 + [False] * 4


@pytest.mark.parametrize("place", [40, -40])
def test_a_changed_byte_is_found(source, place):
    pack_records(read_manifest(source / "m.csv"), source / "packed")
    pictures = read_labelled_pictures(source / "packed").sources
    damaged = pictures[2]
    data = bytearray(damaged.shard.read_bytes())
    start = damaged.offset + (place if place > 0 else damaged.length + place)
    data[start : start + 4] = bytes(255 - byte for byte in data[start : start + 4])
    damaged.shard.write_bytes(data)
    with pytest.raises(BrokenPicture, match=r"2\.png: its record in .* is damaged"):
        decode_source(damaged)
    assert [check.error is None for check in check_packed(pictures)] == [True] * 2 + [False] + [True] * 4


def test_a_shard_that_is_no_list_of_records(source):
    packed = pack_records(read_manifest(source / "m.csv"), source / "packed").folder
    (shard,) = packed.glob("*.tfrecord")
    data = bytearray(shard.read_bytes())
    data[0] ^= 1  # the first record's length
    shard.write_bytes(data)
    records = read_records(packed)
    with pytest.raises(DatabaseLayoutError, match="does not hold 7 records"):
        packed_pictures(records, ["x"] * PICTURES)


def test_a_missing_column_is_told(source):
    pack_records(read_manifest(source / "m.csv"), source / "packed")
    with pytest.raises(ManifestError, match="column 'ssim' is missing"):
        read_labelled_pictures(source / "packed", required=("image", "ssim"))


def test_versions_of_the_same_picture_in_two_folders_are_refused_unless_split(source):
    table = pd.read_csv(source / "m.csv").assign(reference="0.png")
    for name, more in (("one", {}), ("other", {}), ("split", {"split": "train"})):
        table.assign(**more).to_csv(source / f"{name}.csv", index=False)
        pack_records(read_manifest(source / f"{name}.csv"), source / name)
    one, other, split = (read_labelled_pictures(source / name) for name in ("one", "other", "split"))
    with pytest.raises(ManifestError, match=r"hold versions of 1 same pictures, such as 0\.png"):
        join([one, other])
    again = dataclasses.replace(split, manifest=dataclasses.replace(split.manifest, path=source / "x" / "shards.json"))
    assert len(join([split, again])) == 2 * PICTURES
