import os

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import Manifest, concatenate, read_manifest, write_manifest
from tfiqa.errors import ManifestError
from tfiqa.score_scale import ScoreScale

MOS = ScoreScale(0, 100, True, "MOS")
DMOS = ScoreScale(None, None, False, "DMOS of our lab")


def manifest(folder, images=("a.jpg", "b.jpg"), scale=MOS, name="m.csv", **columns):
    scores = np.arange(len(images), dtype=np.float64)
    return Manifest(pd.DataFrame({"image": list(images), "score": scores, **columns}), folder / name, scale)


def saved(folder, text, name="photos.csv"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("scale", [MOS, DMOS])
def test_round_trip_keeps_rows_scale_and_places(tmp_path, ending, scale):
    images = ["a, 1 (x).jpg", "sub/ü.png", "00001", str(tmp_path.parent / "elsewhere.jpg")]
    before = manifest(
        tmp_path,
        images,
        scale,
        group=["1", "1", "2", None],
        score_std=[0.1, np.nan, 1 / 3, 1e-17],
        note=["x", "y", "007", "z"],
    )
    write_manifest(before, tmp_path / f"new{ending}")
    after = read_manifest(tmp_path / f"new{ending}")
    assert after.scale == scale
    assert after.table["image"].tolist() == images
    assert after.picture_paths() == before.picture_paths()
    assert after.table["score"].dtype == np.float64
    assert after.table["score_std"].tolist()[::2] == [0.1, 1 / 3]
    assert after.table["score_std"].isna().tolist() == [False, True, False, False]
    assert after.table["group"].tolist()[:3] == ["1", "1", "2"]
    assert after.table["group"].isna().tolist() == [False, False, False, True]
    assert after.table["note"].tolist() == ["x", "y", "007", "z"]


def test_writing_elsewhere_makes_paths_relative_beneath_the_new_folder_and_absolute_otherwise(tmp_path):
    before = manifest(tmp_path / "data", ["in/a.jpg", "../b.jpg"], reference=["in/r.jpg", None])
    write_manifest(before, tmp_path / "data" / "in" / "new.csv")
    after = read_manifest(tmp_path / "data" / "in" / "new.csv")
    assert after.table["image"].tolist() == ["a.jpg", str(tmp_path / "b.jpg")]
    assert after.table["reference"].tolist()[0] == "r.jpg"
    assert after.picture_paths() == before.picture_paths()


def test_names_of_digits_stay_text(tmp_path):
    table = read_manifest(saved(tmp_path, "image,score,group,split\n00001,1,01,train\n2,2,1,test\n")).table
    assert table["image"].tolist() == ["00001", "2"]
    assert table["group"].tolist() == ["01", "1"]


def test_full_reference_measures_are_read_as_numbers(tmp_path):
    table = read_manifest(saved(tmp_path, "image,vsi,ssim,note\na.jpg,00.5,1,00.5\nb.jpg,,0,1\n")).table
    assert table["vsi"].tolist()[0] == 0.5
    assert np.isnan(table["vsi"][1])
    assert (table["vsi"].dtype, table["ssim"].dtype) == (np.float64, np.float64)
    assert table["note"].tolist() == ["00.5", "1"]
    with pytest.raises(ManifestError, match=r"sff is infinite in row 2"):
        read_manifest(saved(tmp_path, "image,sff\na.jpg,inf\n"))


def test_relative_images_start_from_the_manifest(tmp_path, monkeypatch):
    read = read_manifest(saved(tmp_path / "sub", "image,score\na.jpg,1\n/x/b.jpg,2\n"))
    monkeypatch.chdir(os.sep)
    assert [str(path) for path in read.picture_paths()] == [str(tmp_path / "sub" / "a.jpg"), "/x/b.jpg"]


def test_scale_of_columns_wins_over_the_database_and_leaves_the_table(tmp_path):
    text = "image,score,database,scale_low,scale_high,scale_direction,scale_unit\na.jpg,1,spaq,1,5,lower,ours\n"
    read = read_manifest(saved(tmp_path, text))
    assert read.scale == ScoreScale(1, 5, False, "ours")
    assert list(read.table) == ["image", "score", "database"]


def test_scale_comes_from_a_known_database(tmp_path):
    assert read_manifest(saved(tmp_path, "image,score,database\na.jpg,1,spaq\n")).scale == ScoreScale(
        0, 100, True, "SPAQ MOS"
    )


@pytest.mark.parametrize("text", ["image,score\na.jpg,1\n", "image,score,database\na.jpg,1,mine\n"])
def test_scale_is_unknown_and_higher_is_better_otherwise(tmp_path, text):
    assert read_manifest(saved(tmp_path, text)).scale == ScoreScale(None, None, True, "score")


def test_rows_of_different_scales_are_refused(tmp_path):
    path = saved(tmp_path, "image,score,database\na.jpg,1,spaq\nb.jpg,1,biq2021\n")
    with pytest.raises(ManifestError, match=r"different scales .*SPAQ MOS 0 to 100.*BIQ2021 MOS 0 to 1"):
        read_manifest(path)


def test_bounds_out_of_order_name_the_file(tmp_path):
    path = saved(tmp_path, "image,score,scale_low,scale_high,scale_direction\na.jpg,1,5,1,higher\n")
    with pytest.raises(ManifestError, match=r"photos\.csv: a score scale needs low < high"):
        read_manifest(path)


def test_reading_checks_what_is_there_and_on_request_more(tmp_path):
    path = saved(tmp_path, "image\na.jpg\n")
    assert len(read_manifest(path)) == 1
    with pytest.raises(ManifestError, match="column 'score' is missing"):
        read_manifest(path, required=("image", "score"))
    with pytest.raises(ManifestError, match=r"file not found in row 2 \(first: 'a.jpg'\)"):
        read_manifest(path, check_files=True)
    with pytest.raises(ManifestError, match=r"score is not a number in row 2 \(first: 'good'\)"):
        read_manifest(saved(tmp_path, "image,score\na.jpg,good\n"))


def test_parquet_with_numbers_for_names(tmp_path):
    pd.DataFrame({"image": [1, 2], "score": [0.5, 1.5], "group": [7.0, None]}).to_parquet(tmp_path / "p.parquet")
    table = read_manifest(tmp_path / "p.parquet").table
    assert table["image"].tolist() == ["1", "2"]
    assert table["group"].tolist()[0] == "7"


def test_concatenation_has_absolute_paths_and_keeps_groups_of_different_files_apart(tmp_path):
    one = manifest(tmp_path / "one", name="x.csv", group=["1", "2"])
    two = manifest(tmp_path / "two", name="y.csv", group=["1", None])
    both = concatenate([one, two])
    assert both.path is None
    assert both.picture_paths() == one.picture_paths() + two.picture_paths()
    assert both.table["group"].nunique() == 3
    assert both.table["group"].isna().tolist() == [False, False, False, True]


def test_concatenation_tells_files_of_equal_name_apart(tmp_path):
    both = concatenate([manifest(tmp_path / place, group=["1", "1"]) for place in ("one", "two")])
    assert both.table["group"].tolist()[0] == both.table["group"].tolist()[1] != both.table["group"].tolist()[2]


def test_concatenation_keeps_common_groups_of_one_database(tmp_path):
    parts = [manifest(tmp_path / place, group=["1", "2"], database=["biq2021"] * 2) for place in ("one", "two")]
    assert concatenate(parts).table["group"].nunique() == 2


def test_concatenation_does_not_forget_references_beside_groups(tmp_path):
    grouped = manifest(tmp_path / "one", name="x.csv", group=["1", "2"])
    referenced = manifest(tmp_path / "two", name="y.csv", reference=["r.png", "r.png"])
    groups = concatenate([grouped, referenced]).table["group"].tolist()
    assert groups[2] == groups[3]
    assert len(set(groups)) == 3


def test_concatenation_refuses_different_scales_and_names_both(tmp_path):
    with pytest.raises(ManifestError, match=r"x\.csv \(MOS 0 to 100.*y\.csv \(DMOS of our lab"):
        concatenate([manifest(tmp_path, name="x.csv"), manifest(tmp_path, name="y.csv", scale=DMOS)])
    with pytest.raises(ManifestError, match="no manifest"):
        concatenate([])


def test_concatenation_refuses_leaks_and_half_given_splits(tmp_path):
    train, test = (
        manifest(tmp_path, name="x.csv", split=["train"] * 2),
        manifest(tmp_path, name="y.csv", split=["test"] * 2),
    )
    with pytest.raises(ManifestError, match=r"cannot join .*x\.csv, .*y\.csv: .*the same picture as in an earlier row"):
        concatenate([train, test])
    with pytest.raises(ManifestError, match=r"y\.csv has no column 'split', others have"):
        concatenate([train, manifest(tmp_path / "two", name="y.csv")])
    parts = [
        manifest(tmp_path / split, group=["1", "2"], database=["spaq"] * 2, split=[split] * 2)
        for split in ("train", "test")
    ]
    with pytest.raises(ManifestError, match="2 groups straddle the splits"):
        concatenate(parts)
