"""A packed folder with other columns."""

from dataclasses import replace

import pytest

from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import ManifestError, StorageError
from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
from tfiqa.pipelines.records.new_columns import repack
from tfiqa.pipelines.records.reader import read_records
from tfiqa.pipelines.records.writer import pack_records
from tfiqa.score_scale import ScoreScale

SCALE = ScoreScale(0.0, 1.0, True, "share")


@pytest.fixture(scope="module")
def packed(photo_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed") / "records"
    pack_records(read_manifest(photo_folder / "photos.csv"), folder, shards=3, shuffle=4)
    return folder


def test_pictures_stay_and_columns_change(packed, tmp_path):
    before = read_labelled_pictures(packed)
    table = before.manifest.table.drop(columns="contrast").assign(
        score=before.manifest.table["score"] / 100, note="new"
    )
    done = []
    repack(
        read_records(packed),
        replace(before.manifest, table=table, scale=SCALE),
        tmp_path / "out",
        lambda *step: done.append(step),
    )
    records = read_records(tmp_path / "out")
    records.check()
    after = read_labelled_pictures(tmp_path / "out")
    assert after.manifest.table.equals(table)
    assert after.manifest.scale == SCALE
    assert [picture.read() for picture in after.sources] == [picture.read() for picture in before.sources]
    assert [shard.rows for shard in records.shards] == [shard.rows for shard in read_records(packed).shards]
    assert done[-1] == (16, 16)


def test_other_rows_and_folders_are_refused(packed, tmp_path):
    records, manifest = read_records(packed), read_labelled_pictures(packed).manifest
    turned = replace(manifest, table=manifest.table.iloc[::-1].reset_index(drop=True))
    with pytest.raises(ManifestError, match="are not those of"):
        repack(records, turned, tmp_path / "out")
    with pytest.raises(ManifestError, match="15 rows are not the 16 of"):
        repack(records, replace(manifest, table=manifest.table[:15]), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(StorageError, match="exists already"):
        repack(records, manifest, tmp_path)
