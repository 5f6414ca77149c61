from datetime import datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest

from tfiqa.errors import UnknownName
from tfiqa.images.exif import ExifTags, read_exif
from tfiqa.images.exif_encoding import (
    APEX_SOURCES,
    EXIF_VECTOR,
    aperture_value,
    encode_exif,
    normalise_exif,
    sensitivity_value,
    time_value,
)

PHOTO = ExifTags(
    focal_length=4.8,
    f_number=2.0,
    exposure_time=1 / 64,
    iso=320,
    brightness_value=-1.5,
    flash=1,
    date_time=datetime(2019, 9, 26, 18, 59, 59),
    aperture_value=1.99,
    shutter_speed_value=5.9,
)
SENSITIVITY = np.log2(100)  # log2(320 / 3.2)


def photo(**changes):
    return ExifTags(**{**vars(PHOTO), **changes})


def test_order_and_estimated_brightness():
    expected = [4.8, 1.99, 5.9, 1.99 + 5.9 - SENSITIVITY, SENSITIVITY, 1, -1, 0]
    np.testing.assert_allclose(encode_exif(PHOTO), expected, atol=1e-12)
    expected[1:4] = [2, 6, 8 - SENSITIVITY]
    np.testing.assert_allclose(encode_exif(PHOTO, "computed"), expected, atol=1e-12)


@pytest.mark.parametrize("apex", APEX_SOURCES)
def test_each_source_of_apex_values_stands_in_for_the_other(apex):
    without_camera = encode_exif(photo(aperture_value=None, shutter_speed_value=None), apex)
    np.testing.assert_allclose(without_camera[1:3], [2, 6])


def test_unknown_source():
    with pytest.raises(UnknownName, match="unknown source of APEX values 'camra'; did you mean 'camera'"):
        encode_exif(PHOTO, "camra")


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"focal_length": None}, ["focal_length"]),
        ({"flash": None}, ["flash"]),
        ({"date_time": None}, ["time_sin", "time_cos"]),
    ],
)
def test_a_missing_tag_leaves_the_others(change, missing):
    whole, vector = encode_exif(PHOTO), encode_exif(photo(**change))
    gaps = [name in missing for name in EXIF_VECTOR]
    assert np.isnan(vector).tolist() == gaps
    np.testing.assert_array_equal(vector[~np.isnan(vector)], whole[~np.isnan(vector)])
    normalised = normalise_exif(vector)
    assert (normalised[gaps] == 0).all()
    np.testing.assert_array_equal(normalised[~np.isnan(vector)], normalise_exif(whole)[~np.isnan(vector)])


def test_the_cameras_brightness_counts_only_where_none_can_be_estimated():
    assert encode_exif(photo(iso=None))[3] == -1.5
    assert np.isnan(encode_exif(photo(iso=None, brightness_value=None))[3])


def test_normalisation():
    # (0 - 3.3985) / 5.6570 by hand
    np.testing.assert_allclose(normalise_exif([3.3985, 9.0555, 0]), [0, 1, -0.600760], atol=1e-6)
    batch = normalise_exif(np.full((2, 8), np.nan))
    assert batch.shape == (2, 8)
    assert not batch.any()


def test_no_exif_is_the_zero_vector():
    vector = encode_exif(ExifTags())
    assert np.isnan(vector).all()
    assert (normalise_exif(vector) == 0).all()


def test_apex_steps():
    np.testing.assert_allclose(aperture_value([1, 2, 4, 0, -1, np.nan]), [0, 2, 4, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(time_value([1, 0.5, 2, 0]), [0, 1, -1, np.nan])
    np.testing.assert_allclose(sensitivity_value([3.2, 6.4, 0]), [0, 1, np.nan])


def test_real_pictures_without_exif(shared):
    for name in ("landscape_6", "portrait_3", "portrait_8", "no_exif"):
        assert (normalise_exif(encode_exif(read_exif(shared / "data" / "exif" / f"{name}.jpg"))) == 0).all()


def spaq(folder):
    return folder / "data" / "labels" / "SPAQ"


@pytest.fixture(scope="module")
def sheets(shared):
    """SPAQ's two EXIF sheets, (11125, 8) each: the tags and the encoded numbers."""
    book = openpyxl.load_workbook(spaq(shared) / "Annotations" / "EXIF_tags.xlsx", read_only=True, data_only=True)
    tables = [pd.DataFrame(list(book[name].values)[1:]) for name in ("Source EXIF tags", "APEX EXIF tags")]
    book.close()
    assert tables[0][0].equals(tables[1][0])
    columns = ["focal_length", "f_number", "exposure_time", "iso", "brightness", "flash", "time_sin", "time_cos"]
    return (
        tables[0].set_index(0).astype(float).set_axis(columns, axis="columns"),
        tables[1].set_index(0).astype(float).set_axis(list(EXIF_VECTOR), axis="columns"),
    )


@pytest.mark.parametrize(
    ("number", "camera", "hour"),
    [
        ("00914", {}, 15),
        ("05293", {"aperture_value": 2.27, "shutter_speed_value": 5.05}, 18),
    ],
)
def test_the_authors_text_files_to_their_last_digit(shared, sheets, number, camera, hour):
    """The vectors that came with the released MT-E, from the tags of the source sheet."""
    source = sheets[0].loc[f"{number}.jpg"]
    text = (spaq(shared) / "exif_tags" / f"{number}_exif_tags.txt").read_text().split()[1:9]
    if not camera:  # the sheet rounds this exposure time to 0.000775; the camera's value has more digits
        camera = {"shutter_speed_value": float(text[2])}
        assert 2 ** -float(text[2]) == pytest.approx(source["exposure_time"], abs=5e-7)
    tags = ExifTags(
        focal_length=source["focal_length"],
        f_number=source["f_number"],
        exposure_time=source["exposure_time"],
        iso=source["iso"],
        flash=int(source["flash"]),
        date_time=datetime(2018, 1, 1, hour, 30),
        **camera,
    )
    assert [f"{number:.6f}" for number in encode_exif(tags)] == text


def test_the_text_files_are_rows_of_the_apex_sheet(shared, sheets):
    for number in ("00914", "05293"):
        text = (spaq(shared) / "exif_tags" / f"{number}_exif_tags.txt").read_text().split()[1:9]
        assert sheets[1].loc[f"{number}.jpg"].tolist() == [float(value) for value in text]


def test_the_whole_apex_sheet(sheets):
    """What of the sheet follows from the tags beside it, and what only a camera can have written."""
    source, sheet = sheets
    assert len(sheet) == 11_125
    for name in ("focal_length", "flash", "time_sin", "time_cos"):
        assert (sheet[name] == source[name]).all()
    assert (abs(sheet["sensitivity_value"] - sensitivity_value(source["iso"])) < 1e-6).all()
    # the brightness of every row is estimated from its other numbers, although 3,540 pictures bring their own
    estimate = sheet["aperture_value"] + sheet["time_value"] - sheet["sensitivity_value"]
    assert (abs(sheet["brightness_value"] - estimate) < 2e-6).all()
    brought = source["brightness"] != 0
    assert brought.sum() == 3_540
    assert (abs(sheet["brightness_value"] - source["brightness"])[brought] < 0.01).sum() == 50

    aperture_off = abs(sheet["aperture_value"] - aperture_value(source["f_number"]))
    time_off = abs(sheet["time_value"] - time_value(source["exposure_time"]))
    assert [(aperture_off < bound).sum() for bound in (1e-6, 0.01, 0.5)] == [6_307, 11_094, 11_125]
    # exposure times have six decimals in the sheet, so half of the last one is what a time may be off by
    time_follows = time_off < time_value(source["exposure_time"] - 5e-7) - time_value(source["exposure_time"]) + 1e-6
    follows = (aperture_off < 1e-6) & time_follows
    stuck = sheet["time_value"] == 29.8973  # one ShutterSpeedValue for exposures of 0.00003 to 0.25 seconds
    rounded = ~follows & ~stuck & (aperture_off < 0.01) & (time_off < 0.15)  # as cameras round
    contrary = ~follows & ~stuck & ~rounded
    assert [rows.sum() for rows in (follows, rounded, stuck, contrary)] == [2_823, 6_660, 1_567, 75]


def test_time_is_whole_hours_sine_first(shared, sheets):
    source, _ = sheets
    known = ~((source["time_sin"] == 0) & (source["time_cos"] == 0))
    assert (~known).sum() == 3
    hours = np.arctan2(source["time_sin"], source["time_cos"])[known] * 12 / np.pi % 24
    assert (abs(hours - hours.round()) < 1e-4).all()
    scenes = pd.read_excel(spaq(shared) / "Annotations" / "Scene category labels.xlsx", index_col=0)
    night = scenes["Night scene"].to_numpy()[known] > 0
    by_hour = pd.Series(night).groupby((hours.round() % 24).astype(int).to_numpy()).mean()
    assert by_hour.loc[19:22].min() > 0.5
    assert by_hour.loc[8:16].max() < 0.06
