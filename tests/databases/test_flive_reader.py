import json
import os

import pandas as pd
import pytest

from tfiqa.databases import prepare
from tfiqa.databases.flive import FLIVE
from tfiqa.databases.reader import FolderIndex
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

PADDED = "labels<=640_padded.csv"
NAMES = ["voc_emotic_ava/AVA__1.jpg", "blur_dataset/out_of_focus1.JPG", "voc_emotic_ava/AVA__3.jpg", "EE371R/rq1.jpg"]
IMAGES = "name,mos\n" + "".join(f"{name},{60 + place}\n" for place, name in enumerate(NAMES))
BOXES = [[0, 0, 320, 240], [400, 300, 640, 480], [100, 50, 260, 170]]


def boxes_row(name, mos, width, height, boxes, shift=(0, 0)):
    left, top = shift
    row = {"name_image": name, "mos_image": mos, "width_image": width, "height_image": height}
    for box, (x0, y0, x1, y1) in zip(
        ("image", "patch_1", "patch_2", "patch_3"), [[0, 0, width, height], *boxes], strict=True
    ):
        row |= {f"left_{box}": x0 + left, f"top_{box}": y0 + top, f"right_{box}": x1 + left, f"bottom_{box}": y1 + top}
    return row | {f"mos_patch_{patch}": mos + patch for patch in (1, 2, 3)}


TEST_ROW = boxes_row(NAMES[0], 60, 800, 600, BOXES)
TRAIN_ROW = boxes_row(NAMES[1], 61, 640, 479, [*BOXES[::2], [639, 478, 640, 479]], (0, 80)) | {"is_valid": "False"}
VALIDATION_ROW = boxes_row(NAMES[2], 62, 301, 640, [[0, 0, 1, 1]] * 3, (169, 0)) | {"is_valid": "True"}


def write(path, *rows):
    pd.DataFrame(rows).to_csv(path, index=False)


@pytest.fixture
def root(tmp_path):
    for name in [*NAMES, *(f"patches/AVA__1.jpg_patch_{patch}.jpg" for patch in (1, 2, 3))]:
        path = tmp_path / "database" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "database" / "labels_image.csv").write_text(IMAGES)
    return tmp_path


def test_scores_alone(root):
    result = prepare("flive", root)
    assert result.manifest.scale == ScoreScale(0, 100, True, "FLIVE MOS")
    assert result.missing == []
    table = result.manifest.table
    assert table["image"].tolist() == [str(root / "database" / name) for name in NAMES]
    assert table["score"].tolist() == [60, 61, 62, 63]
    assert not {"boxes", "box_scores", "official_split"} & set(table)
    assert FLIVE.official_count(table) == 39_810
    assert prepare("flive", root / "database").manifest.table.equals(table)


@pytest.mark.parametrize(
    ("train_file", "marks"),
    [(PADDED, ("False", "True")), ("labels=640_padded.csv", ("0", "1")), (PADDED, ("FALSE", "TRUE"))],
)
def test_boxes_are_in_the_picture_s_own_pixels(root, train_file, marks):
    write(root / "database" / "Labels640.csv", TEST_ROW)
    rows = [row | {"is_valid": mark} for row, mark in zip((TRAIN_ROW, VALIDATION_ROW), marks, strict=True)]
    write(root / "database" / train_file, *rows)
    table = prepare("flive", root).manifest.table
    assert json.loads(table["boxes"][0]) == BOXES
    assert json.loads(table["boxes"][1]) == [BOXES[0], BOXES[2], [639, 478, 640, 479]]
    assert json.loads(table["boxes"][2]) == [[0, 0, 1, 1]] * 3
    assert json.loads(table["box_scores"][1]) == [62, 63, 64]
    assert table["boxes"].isna().tolist() == [False, False, False, True]
    assert table["official_split"].tolist() == ["test", "train", "validation", "train"]


@pytest.mark.parametrize(
    ("file", "rows", "known"),
    [
        ("labels640.csv", [TEST_ROW], ["test", None, None, None]),
        (PADDED, [TRAIN_ROW, VALIDATION_ROW], [None, "train", "validation", None]),
    ],
)
def test_one_file_of_boxes_tells_only_its_own(root, file, rows, known):
    write(root / "database" / file, *rows)
    split = prepare("flive", root).manifest.table["official_split"]
    assert [None if pd.isna(side) else side for side in split] == known


def test_patches(root):
    write(root / "database" / "labels640.csv", TEST_ROW)
    for labels_patch in (False, True):
        if labels_patch:
            (root / "database" / "labels_patch.csv").write_text(
                "name,mos\n" + "".join(f"patches/AVA__1.jpg_patch_{patch}.jpg,{60 + patch}\n" for patch in (1, 2, 3))
            )
        result = prepare("flive", root, {"rows": "patches"})
        table = result.manifest.table
        assert result.missing == []
        assert table["image"].tolist()[1] == str(root / "database" / "patches" / "AVA__1.jpg_patch_2.jpg")
        assert table["score"].tolist() == [61, 62, 63]
        assert table["patch"].tolist() == [1, 2, 3]
        assert table["group"].unique().tolist() == ["AVA__1.jpg"]
        assert table["official_split"].unique().tolist() == ["test"]
        assert FLIVE.official_count(table) == 119_430


def test_patches_without_labels_and_with_strange_names_are_refused(root):
    with pytest.raises(DatabaseLayoutError, match=r"patches need one of the files labels_patch\.csv, labels640\.csv"):
        prepare("flive", root, {"rows": "patches"})
    (root / "database" / "labels_patch.csv").write_text("name,mos\npatches/AVA__1.jpg,60\n")
    with pytest.raises(ManifestError, match=r"Received: 'patches/AVA__1\.jpg'"):
        prepare("flive", root, {"rows": "patches"})


@pytest.mark.parametrize(
    ("file", "row", "change", "told"),
    [
        ("labels640.csv", TEST_ROW, {"right_patch_2": 801}, "not whole pixels within its picture"),
        ("labels640.csv", TEST_ROW, {"left_patch_2": -1}, "not whole pixels within its picture"),
        ("labels640.csv", TEST_ROW, {"top_patch_2": 480}, "not whole pixels within its picture"),
        ("labels640.csv", TEST_ROW, {"top_patch_2": 300.5}, "not whole pixels within its picture"),
        ("labels640.csv", TEST_ROW, {"mos_patch_3": "x"}, "not whole pixels within its picture"),
        ("labels640.csv", TEST_ROW, {"left_image": 1}, "not whole pixels within its picture"),
        (
            "labels640.csv",
            TEST_ROW,
            {"mos_image": 60.1},
            r"'voc_emotic_ava/AVA__1\.jpg' is not in labels_image\.csv with",
        ),
        ("labels640.csv", TEST_ROW, {"name_image": "gone.jpg"}, r"'gone\.jpg' is not in labels_image\.csv"),
        (PADDED, TRAIN_ROW, {"top_image": 0, "bottom_image": 479}, "not whole pixels within its picture"),
        (PADDED, TRAIN_ROW, {"is_valid": "maybe"}, "is_valid is True or False. Received: 'maybe'"),
        (PADDED, TEST_ROW | {"is_valid": True}, {}, "not whole pixels within its picture"),
    ],
)
def test_inconsistent_boxes_are_refused(root, file, row, change, told):
    write(root / "database" / file, row | change)
    with pytest.raises(ManifestError, match=told):
        prepare("flive", root)


def test_labels_of_patches_in_the_place_of_those_of_pictures_are_refused(root):
    (root / "database" / "labels_image.csv").write_text("name,mos\npatches/AVA__1.jpg_patch_1.jpg,60\n")
    with pytest.raises(ManifestError, match=r"labels_image\.csv lists patches, such as 'patches/AVA__1"):
        prepare("flive", root)


def test_a_picture_in_both_files_is_refused(root):
    write(root / "database" / PADDED, TRAIN_ROW)
    write(root / "database" / "labels640.csv", boxes_row(NAMES[1], 61, 640, 479, [[0, 0, 1, 1]] * 3))
    with pytest.raises(ManifestError, match=r"labels640\.csv and .*'blur_dataset/out_of_focus1\.JPG' is named twice"):
        prepare("flive", root)


def test_another_folder_and_other_columns_are_refused(root, tmp_path_factory):
    with pytest.raises(DatabaseLayoutError, match=r"looked for 'labels_image\.csv' or 'database/labels_image\.csv'"):
        prepare("flive", tmp_path_factory.mktemp("other"))
    (root / "database" / "labels640.csv").write_text("name,mos\na.jpg,1\n")
    with pytest.raises(DatabaseLayoutError, match=r"labels640\.csv is no label file of FLIVE.*it has name, mos"):
        prepare("flive", root)


def test_real_labels_and_pictures(shared, tmp_path):
    labels, samples = shared / "data" / "labels" / "FLIVE", shared / "data" / "samples" / "flive_samples" / "database"
    if not labels.is_dir():
        pytest.skip(f"FLIVE's labels not at hand: {labels}")
    for place in (labels / "labels_image.csv", labels / "labels640.csv", samples / "EE371R", samples / "patches"):
        os.symlink(place, tmp_path / place.name)
    folder = FolderIndex(tmp_path, "flive")
    table = FLIVE().labels(folder)
    assert len(table) == FLIVE.pictures
    assert table["score"].astype(float).agg(["min", "max"]).round(4).tolist() == [0, 94.3332]
    assert table["official_split"].value_counts().to_dict() == {"test": 1827}
    first = table[table["image"] == "voc_emotic_ava/EMOTIC__cwpvmtkuw83q2or3za.jpg"].iloc[0]
    assert json.loads(first["boxes"]) == [[564, 206, 1044, 470], [15, 302, 375, 500], [377, 458, 617, 590]]
    assert json.loads(first["box_scores"]) == [79.47386983, 70.63982665, 58.62773644]
    assert float(first["score"]) == pytest.approx(59.64871868)
    patches = FLIVE(rows="patches").labels(folder)
    assert len(patches) == 3 * 1827
    assert patches["group"].nunique() == 1827
    result = prepare("flive", tmp_path, verify_pictures=True)
    assert [image.rsplit("/", 1)[-1] for image in result.manifest.table["image"]] == [
        "rq85.jpg",
        "rq59.jpg",
        "rq73.jpg",
    ]
    assert result.manifest.table["score"].round(4).tolist() == [59.9247, 65.9269, 75.0583]


def test_real_patch_pictures(shared, tmp_path):
    samples = shared / "data" / "samples" / "flive_samples" / "database"
    if not samples.is_dir():
        pytest.skip(f"FLIVE's samples not at hand: {samples}")
    os.symlink(samples / "patches", tmp_path / "patches")
    (tmp_path / "labels_image.csv").write_text("name,mos\nEE371R/rq59.jpg,65.9\n")
    names = sorted(path.name for path in (samples / "patches").iterdir())
    (tmp_path / "labels_patch.csv").write_text("name,mos\n" + "".join(f"patches/{name},50\n" for name in names))
    result = prepare("flive", tmp_path, {"rows": "patches"}, verify_pictures=True)
    assert (len(result.manifest), result.missing, result.unreadable) == (9, [], [])
    assert sorted(result.manifest.table["group"].unique()) == ["rq59.jpg", "rq73.jpg", "rq85.jpg"]
