import os

import numpy as np
import openpyxl
import pytest

from tfiqa.databases import prepare
from tfiqa.databases.spaq import SCENES
from tfiqa.errors import DatabaseLayoutError, UnknownName
from tfiqa.images.exif_encoding import EXIF_VECTOR
from tfiqa.score_scale import ScoreScale

SCORES = [
    ["Image name", "MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"],
    ["00001.jpg", 48.86, 47.43, 55.57, 55.71, 37.86, 42.57],
    ["00002.jpg", 62.5, 55.38, 67.13, 53.13, 57.5, 47.5],
]
SCENE_HEADER = [
    "Animal",
    "Cityscape",
    "Human",
    "Indoor scene",
    "Landscape",
    "Night scene",
    "Plant",
    "Still-life",
    "Others",
]
SCENE_ROWS = [
    ["Image name", *SCENE_HEADER],
    ["00002.jpg", 0, 0.5, 0, 0, 0, 0.5, 0, 0, 0],
    ["00001.jpg", 0, 0.333333, 0, 0, 0, 0.333333, 0, 0.333333, 0],
]
EXIF_HEADER = [
    "Image name",
    "Focal length",
    "Aperture value",
    "Time value",
    "Sensitivity vaue",
    "Brightness value",
    "Flash",
    "Time",
    None,
]
# ISO 200: 1.53 + 3.317 - log2(200 / 3.2) = -1.118784
EXIF_ROWS = [
    EXIF_HEADER,
    ["00001.jpg", 4.2, 1.53, 3.317, -1.118784, 5.965784, 0, -0.965926, -0.258819],
    ["00002.jpg", 4.04, 2, None, None, 6.965784, 0, 0, 0],
]
SOURCE_ROWS = [
    ["Image name", "Focal length", "F-number", "Exposure time", "ISO", "Brightness", "Flash", "Time", None],
    ["00001.jpg", 4.2, 1.7, 0.1, 200, -1.21, 0, -0.965926, -0.258819],
    ["00002.jpg", 4.04, 2, 0.25, 320, 0, 1, 0, 0],
]


def workbook(path, **sheets):
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("_", " "))
        for row in rows:
            sheet.append(row)
    book.save(path)


def annotations(folder, scores=SCORES, scenes=SCENE_ROWS, exif=EXIF_ROWS, source=SOURCE_ROWS, sheet="APEX_EXIF_tags"):
    workbook(folder / "MOS and Image attribute scores.xlsx", Sheet1=scores)
    workbook(folder / "Scene category labels.xlsx", Sheet1=scenes)
    workbook(folder / "EXIF_tags.xlsx", Source_EXIF_tags=source, **{sheet: exif})


@pytest.fixture
def root(tmp_path):
    (tmp_path / "testimage").mkdir()
    for name in ("00001.JPG", "00002.jpg"):
        (tmp_path / "testimage" / name).touch()
    return tmp_path


def test_official_layout(root):
    annotations(root / "Annotations")
    result = prepare("spaq", root)
    assert result.manifest.scale == ScoreScale(0, 100, True, "SPAQ MOS")
    assert result.missing == []
    first, second = result.manifest.table.to_dict("records")
    assert first["image"] == str(root / "testimage" / "00001.JPG")
    assert (first["score"], first["brightness"], first["sharpness"]) == (48.86, 47.43, 42.57)
    assert (first["scene_still_life"], second["scene_still_life"]) == (0.333333, 0)
    assert second["scene_night_scene"] == 0.5
    assert [first[f"exif_{name}"] for name in EXIF_VECTOR] == EXIF_ROWS[1][1:]
    assert np.isnan(second["exif_time_value"])
    assert np.isnan(second["exif_brightness_value"])


def test_no_hour_is_blank(root):
    annotations(root / "Annotations")
    for apex in ("camera", "computed"):
        first, second = prepare("spaq", root, {"apex": apex}).manifest.table.to_dict("records")
        assert (first["exif_time_sin"], first["exif_time_cos"]) == (-0.965926, -0.258819)
        assert np.isnan([second["exif_time_sin"], second["exif_time_cos"]]).all()


def test_apex_values_computed_from_the_source_sheet(root):
    annotations(root / "Annotations")
    second = prepare("spaq", root, {"apex": "computed"}).manifest.table.iloc[1]
    sensitivity = np.log2(320 / 3.2)
    expected = [4.04, 2, 2, 4 - sensitivity, sensitivity, 1]
    assert [second[f"exif_{name}"] for name in EXIF_VECTOR[:6]] == pytest.approx(expected)


def test_options_are_checked(root):
    annotations(root / "Annotations", source=[["Image name", "ISO"]])
    with pytest.raises(UnknownName, match="value of spaq's option apex 'calculated'"):
        prepare("spaq", root, {"apex": "calculated"})
    with pytest.raises(DatabaseLayoutError, match="has other columns than SPAQ"):
        prepare("spaq", root, {"apex": "computed"})


def test_sensitivity_and_brightness_are_told_apart_by_what_they_hold(root):
    annotations(root / "Annotations")
    first = prepare("spaq", root).manifest.table.iloc[0]
    assert first["exif_sensitivity_value"] == pytest.approx(np.log2(200 / 3.2), abs=1e-6)
    brightness = first["exif_aperture_value"] + first["exif_time_value"] - first["exif_sensitivity_value"]
    assert first["exif_brightness_value"] == pytest.approx(brightness, abs=1e-6)


def test_annotations_alone_are_no_database(root):
    annotations(root / "Annotations")
    (root / "testimage").rename(root / "elsewhere")
    with pytest.raises(
        DatabaseLayoutError, match=r"holds none of the 2 pictures.*'TestImage/00001\.jpg'.*Annotations, elsewhere"
    ):
        prepare("spaq", root)


@pytest.mark.parametrize(
    "name", ["MOS and Image attribute scores.xlsx", "Scene category labels.xlsx", "EXIF_tags.xlsx"]
)
def test_every_workbook_is_needed_and_must_be_one(root, name):
    annotations(root / "Annotations")
    path = root / "Annotations" / name
    path.write_bytes(b"no workbook")
    with pytest.raises(DatabaseLayoutError, match="is no readable workbook"):
        prepare("spaq", root)
    path.unlink()
    with pytest.raises(DatabaseLayoutError, match=f"is not spaq: looked for 'Annotations/{name}'"):
        prepare("spaq", root)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scores": [["Image name", "DMOS"], ["00001.jpg", 1]]}, "has other columns than SPAQ"),
        ({"scores": [SCORES[0], SCORES[1], SCORES[1]]}, r"names '00001\.jpg' twice"),
        ({"scores": [SCORES[0], ["00001.jpg", "good", 1, 1, 1, 1, 1]]}, r"score of 00001\.jpg is not a number: 'good'"),
        ({"exif": [EXIF_HEADER[:5]]}, "has other columns than SPAQ"),
        ({"scenes": []}, "has other columns than SPAQ"),
        ({"scenes": SCENE_ROWS[:2]}, r"Scene.*lacks 1 of the pictures in MOS.*\.xlsx \(first: 00001\.jpg\)"),
        ({"exif": EXIF_ROWS[:2]}, r"EXIF.*lacks 1 of the pictures in MOS.*\.xlsx \(first: 00002\.jpg\)"),
        ({"sheet": "Other"}, "looked for the sheet 'APEX EXIF tags'; it has Source EXIF tags, Other"),
    ],
)
def test_changed_workbooks_are_refused(root, change, told):
    annotations(root / "Annotations", **change)
    with pytest.raises(DatabaseLayoutError, match=told):
        prepare("spaq", root)


def test_real_labels(shared, tmp_path):
    os.symlink(shared / "data" / "labels" / "SPAQ" / "Annotations", tmp_path / "Annotations")
    (tmp_path / "TestImage").mkdir()
    for number in range(1, 11126):
        (tmp_path / "TestImage" / f"{number:05}.jpg").touch()
    table = prepare("spaq", tmp_path).manifest.table
    assert len(table) == 11125
    assert table["score"].agg(["min", "max"]).tolist() == [2.0, 96.0]
    assert table.iloc[0]["score"] == 48.86
    assert table.iloc[-1]["image"].endswith("11125.jpg")
    assert table.iloc[-1]["score"] == 10.8
    np.testing.assert_allclose(table[[f"scene_{name}" for name in SCENES]].sum(axis=1), 1, atol=1e-5)
    exif = table[[f"exif_{name}" for name in EXIF_VECTOR]]
    assert exif.isna().sum().tolist() == [0] * 6 + [3, 3]
    # the two pictures whose vectors come with the released model
    np.testing.assert_allclose(exif.iloc[913], [3.5, 2.275007, 10.333516, 8.286595, 4.321928, 0, -0.707107, -0.707107])
    np.testing.assert_allclose(exif.iloc[5292], [4.8, 2.27, 5.05, 1.676144, 5.643856, 0, -1, 0])
    computed = prepare("spaq", tmp_path, {"apex": "computed"}).manifest.table[exif.columns]
    stuck = exif["exif_time_value"] == 29.8973
    assert stuck.sum() == 1567
    assert computed["exif_time_value"][stuck].max() < 16
    unchanged = [f"exif_{name}" for name in ("focal_length", "flash", "time_sin", "time_cos")]
    assert computed[unchanged].equals(exif[unchanged])
    np.testing.assert_allclose(computed["exif_sensitivity_value"], exif["exif_sensitivity_value"], atol=1e-6)
    np.testing.assert_allclose(computed["exif_aperture_value"], exif["exif_aperture_value"], atol=0.31)
