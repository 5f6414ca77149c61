import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest, read_manifest, write_manifest
from tfiqa.databases.picture_statistics import (
    measure_pictures,
    picture_errors,
    read_collection,
    summarise,
    with_features,
    with_statistics,
)
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.images.decode import decode_picture
from tfiqa.images.statistics import STATISTICS, picture_statistics


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    for place in range(12):
        picture = rng.integers(0, 20 * (place + 1), (8 + place, 9, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{place:02}.png")
    return sorted(tmp_path.iterdir())


@pytest.fixture
def manifest(pictures):
    path = pictures[0].parent / "photos.csv"
    path.write_text("image,score,note\n" + "".join(f"{picture.name},{picture.stem},x\n" for picture in pictures))
    return path


@pytest.mark.parametrize("workers", [1, 3])
def test_rows_in_order_with_the_statistics_of_the_decoded_picture(pictures, workers):
    steps = []
    table = measure_pictures(pictures, workers=workers, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(place, 12) for place in range(1, 13)]
    for path, (_, row) in zip(pictures, table.iterrows(), strict=True):
        wanted = picture_statistics(decode_picture(path))
        assert [row[name] for name in STATISTICS] == [getattr(wanted, name) for name in STATISTICS]
    assert table["error"].isna().all()


def test_faults_are_rows_and_stop_nothing(pictures, tmp_path):
    pictures[1].write_bytes(pictures[1].read_bytes()[:-30])
    Image.new("RGB", (2, 50)).save(pictures[2])
    table = measure_pictures([*pictures[:3], tmp_path / "gone.jpg", pictures[11], pictures[4]], max_pixels=9 * 18)
    assert table["error"].notna().tolist() == [False, True, True, True, True, False]
    assert table.loc[2, "error"] == f"{pictures[2]}: has 2 x 50 pixels; its statistics need 3 x 3"
    assert table.loc[3, "error"] == f"{tmp_path / 'gone.jpg'}: does not exist"
    assert "more than the limit of 162" in table.loc[4, "error"]
    assert table.loc[1:4, list(STATISTICS)].isna().all(axis=None)
    assert table.loc[[0, 5], list(STATISTICS)].notna().all(axis=None)


def test_sizes_are_those_of_the_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (16, 8)).save(tmp_path / "turned.jpg", exif=exif)
    row = measure_pictures([tmp_path / "turned.jpg"]).iloc[0]
    assert (row["width"], row["height"], row["aspect_ratio"], row["pixel_count"]) == (8, 16, 0.5, 128)


def test_a_manifest_keeps_its_columns_and_reads_back_exactly(manifest, tmp_path):
    described = with_statistics(read_collection([str(manifest)]))
    assert described.table.columns.tolist() == ["image", "score", "note", *STATISTICS, "error"]
    write_manifest(described, tmp_path / "described.csv")
    again = read_manifest(tmp_path / "described.csv")
    pd.testing.assert_frame_equal(again.table[list(STATISTICS)], described.table[list(STATISTICS)], check_dtype=False)
    assert with_statistics(again) is again  # nothing is measured twice
    assert picture_errors(again) == []


def test_half_a_set_of_statistics_is_measured_anew(manifest):
    given = read_collection([str(manifest)])
    stale = Manifest(given.table.assign(width=1.0, error="old"), given.path, given.scale)
    described = with_statistics(stale)
    assert described.table["width"].tolist() == [9] * 12
    assert described.table["error"].isna().all()


def test_collections_of_pictures_and_of_manifests(manifest, pictures):
    folder = pictures[0].parent
    assert read_collection([str(folder)]).picture_paths() == pictures
    assert read_collection([str(folder / "0*.png")]).picture_paths() == pictures[:10]
    assert read_collection([str(pictures[3]), str(pictures[1])]).picture_paths() == [pictures[3], pictures[1]]
    other = folder / "other.csv"
    other.write_text("image,score\nelsewhere.png,3\n")
    assert len(read_collection([str(manifest), str(other)])) == 13
    with pytest.raises(InvalidInput, match="manifests and pictures cannot be described together"):
        read_collection([str(manifest), str(folder)])
    with pytest.raises(ManifestError, match="no such file"):
        read_collection([str(folder / "missing.csv")])


def test_features_are_columns_or_measured(manifest):
    given = read_collection([str(manifest)])
    table = with_features(given, ["score", "height"]).table
    assert table["score"].tolist() == list(range(12))
    assert table["height"].tolist() == list(range(8, 20))
    own = Manifest(given.table.assign(height=7), given.path, given.scale)
    assert with_features(own, ["height"]).table["height"].tolist() == [7] * 12


@pytest.mark.parametrize(
    ("feature", "text"),
    [
        ("rms_contrst", "unknown feature 'rms_contrst'; did you mean 'rms_contrast'"),
        ("note", "feature 'note' is not a number. Received: 'x'"),
        ("endless", "feature 'endless' is not a number. Received: 'inf'"),
        ("blank", "no picture has the feature 'blank'"),
    ],
)
def test_what_is_no_feature_is_told(manifest, feature, text):
    given = read_collection([str(manifest)])
    table = given.table.assign(blank=np.nan, endless=[np.inf] + [1.0] * 11)
    with pytest.raises(InvalidInput, match=text):
        with_features(Manifest(table, given.path, given.scale), [feature])


def test_summary_by_hand():
    table = pd.DataFrame({"a": [4.0, np.nan, 0.0, 1.0, 3.0, 2.0], "b": [7] * 6, "c": [np.nan] * 6})
    summary = summarise(table, ["a", "b", "c"])
    assert summary.columns.tolist() == ["min", "5 %", "median", "95 %", "max", "mean", "std"]
    assert summary.loc["a"].tolist() == pytest.approx([0, 0.2, 2, 3.8, 4, 2, np.sqrt(2)])
    assert summary.loc["b"].tolist() == [7, 7, 7, 7, 7, 7, 0]
    assert summary.loc["c"].isna().all()


def test_a_column_named_error_alone_says_nothing_of_pictures():
    table = pd.DataFrame({"image": ["a.png"], "error": ["0.3"]})
    assert picture_errors(Manifest(table, None, UNKNOWN_SCALE)) == []
