from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.validation import validate_manifest
from tfiqa.errors import ManifestError

PATH = Path("photos.csv")


def table(rows=4, **columns):
    values = {"image": [f"{place}.jpg" for place in range(rows)], "score": np.linspace(0, 1, rows), **columns}
    return pd.DataFrame({name: value for name, value in values.items() if value is not None})


def told(frame, path=PATH, check_files=False, **options):
    with pytest.raises(ManifestError) as error:
        validate_manifest(frame, path, check_files=check_files, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_sound_manifest_passes(tmp_path):
    for name in ("0.jpg", "1.jpg"):
        (tmp_path / name).touch()
    frame = table(2, split=["train", "test"], group=["1", None], exif_flash=[0, None], scene_night=["1", ""])
    validate_manifest(frame, tmp_path / "photos.csv", check_files=True)


def test_missing_column_is_told_with_what_is_there_and_a_guess():
    frame = table(score=None, mos=[1, 2, 3, 4])
    assert told(frame) == "photos.csv: column 'score' is missing; it has: image, mos (did you mean 'mos'?)"


def test_misspelt_column_is_guessed():
    assert "(did you mean 'scroe'?)" in told(table(score=None, scroe=[1, 2, 3, 4]))


def test_rows_are_counted_as_a_spreadsheet_does_and_five_are_shown():
    scores = ["abc", "1", "x", "x", "x", "x", "x", "x"]
    assert "score is not a number in rows 2, 4, 5, 6, 7 and 2 more (first: 'abc')" in told(table(8, score=scores))


def test_every_problem_is_told_at_once():
    frame = table(
        image=["0.jpg", None, "2.jpg", "2.jpg"], score=[np.nan, np.inf, 1, 2], split=["train", "tset", "test", None]
    )
    text = told(frame)
    assert "image is missing in row 3" in text
    assert "score is missing in row 2" in text
    assert "score is infinite in row 3" in text
    assert "split is none of train, validation, test in rows 3, 5 (first: 'tset')" in text
    assert "the same picture as in an earlier row in row 5 (first: '2.jpg')" in text


@pytest.mark.parametrize("blank", ["", "NA", None, "nan"])
def test_blank_scores_are_missing_where_required_only(blank):
    frame = table(score=["1", blank, "2", "3"])
    assert "score is missing in row 3" in told(frame)
    validate_manifest(frame, PATH, required=("image",), check_files=False)


def test_required_columns_are_the_callers():
    frame = table(score=None)
    validate_manifest(frame, PATH, required=(), check_files=False)
    assert "column 'sharpness' is missing" in told(frame, required=("sharpness",))


def test_number_columns_are_checked_by_name_and_prefix():
    assert "exif_flash is not a number in row 2 (first: 'on')" in told(table(exif_flash=["on", "1", "0", ""]))
    assert "score_std, a standard deviation, is negative in row 3 (first: '-1')" in told(table(score_std=[1, -1, 0, 2]))
    assert "noisiness is infinite in row 5" in told(table(noisiness=[1, 2, 3, -np.inf]))


def test_full_reference_measures_are_numbers():
    assert "ms_ssim is not a number in row 3 (first: 'high')" in told(table(ms_ssim=["1", "high", "", "0.5"]))
    assert "mdsi is infinite in row 4" in told(table(mdsi=[0, 0.5, np.inf, np.nan]))
    gaps = table(gmsd=[0, 0.5, np.nan, 1])
    validate_manifest(gaps, PATH, check_files=False)
    assert "gmsd is missing in row 4" in told(gaps, required=("gmsd",))


def test_the_same_picture_is_found_by_its_place_and_letter_case_counts(tmp_path):
    images = ["a.jpg", "sub/../a.jpg", str(tmp_path / "a.jpg"), "A.jpg"]
    assert "the same picture as in an earlier row in rows 3, 4 (" in told(table(image=images), tmp_path / "photos.csv")


def test_missing_files_are_listed(tmp_path):
    (tmp_path / "1.jpg").touch()
    (tmp_path / "2.jpg").mkdir()
    text = told(table(), tmp_path / "photos.csv", check_files=True)
    assert "file not found in rows 2, 4, 5 (first: '0.jpg')" in text


@pytest.mark.parametrize("column", ["group", "reference"])
def test_a_group_that_straddles_the_splits_is_a_leak(column):
    frame = table(split=["train", "train", "test", "test"], **{column: ["1", "2", "2", "3"]})
    assert f"1 group straddles the splits (2 pictures; first: {column} 2)" in told(frame)


def test_pictures_without_a_group_do_not_straddle():
    frame = table(split=["train", "test", "train", "test"], group=[None, None, "1", None])
    validate_manifest(frame, PATH, check_files=False)


def test_scale_columns_must_be_constant_and_tell_the_direction():
    assert "scale_high differs between rows" in told(table(scale_high=[1, 1, 1, 2], scale_direction=["higher"] * 4))
    assert "scale_high needs a column scale_direction" in told(table(scale_high=[1] * 4))
    assert "scale_direction is none of higher, lower" in told(table(scale_direction=["up"] * 4))


def test_an_empty_manifest_is_refused():
    assert told(table(0)) == "photos.csv: it has no rows"
