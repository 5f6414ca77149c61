import os

import pytest

from tfiqa.databases.reader import FolderIndex
from tfiqa.databases.tid2013 import DISTORTIONS, TID2013
from tfiqa.errors import DatabaseLayoutError
from tfiqa.score_scale import ScoreScale

SCORES = "5.51429 I01_01_1.bmp\r\n5.56757 i01_01_2.bmp\r\n\r\n0.95 i25_24_5.bmp\r\n"
DEVIATIONS = "0.13013\r\n0.16008\r\n0.14047\r\n"


@pytest.fixture
def root(tmp_path):
    for name in ("I01_01_1.bmp", "I01_01_2.BMP", "i25_24_5.bmp"):
        (tmp_path / "Distorted_Images").mkdir(exist_ok=True)
        (tmp_path / "Distorted_Images" / name).touch()
    (tmp_path / "reference_images").mkdir()
    for name in ("I01.BMP", "i25.bmp"):
        (tmp_path / "reference_images" / name).touch()
    (tmp_path / "mos_with_names.txt").write_bytes(SCORES.encode())
    (tmp_path / "mos_std.txt").write_bytes(DEVIATIONS.encode())
    return tmp_path


def test_official_layout(root):
    result = TID2013().read(root)
    assert result.missing == []
    assert result.manifest.scale == ScoreScale(0, 9, True, "TID2013 MOS")
    assert result.manifest.table.to_dict("list") == {
        "image": [str(root / "Distorted_Images" / name) for name in ("I01_01_1.bmp", "I01_01_2.BMP", "i25_24_5.bmp")],
        "score": [5.51429, 5.56757, 0.95],
        "score_std": [0.13013, 0.16008, 0.14047],
        "reference": [str(root / "reference_images" / name) for name in ("I01.BMP", "I01.BMP", "i25.bmp")],
        "distortion": ["additive_gaussian_noise", "additive_gaussian_noise", "sparse_sampling_and_reconstruction"],
        "level": [1, 2, 5],
        "group": ["I01", "I01", "I25"],
        "database": ["tid2013"] * 3,
    }


@pytest.mark.parametrize(
    ("number", "distortion"),
    [
        (5, "high_frequency_noise"),
        (6, "impulse_noise"),
        (9, "image_denoising"),
        (10, "jpeg"),
        (11, "jpeg2000"),
        (12, "jpeg_transmission_errors"),
        (16, "mean_shift"),
        (17, "contrast_change"),
        (20, "comfort_noise"),
        (21, "lossy_compression_of_noisy_images"),
        (23, "chromatic_aberrations"),
    ],
)
def test_numbers_of_distortions(root, number, distortion):
    (root / "mos_with_names.txt").write_text(SCORES.replace("I01_01_1", f"I01_{number:02}_1"))
    (root / "Distorted_Images" / f"I01_{number:02}_1.bmp").touch()
    assert TID2013().read(root).manifest.table["distortion"].iloc[0] == distortion


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("mos_std.txt", "0.13\n0.16\n", r"mos_with_names\.txt has 3 lines, but .*mos_std\.txt has 2"),
        ("mos_std.txt", "0.13 0.16\n", r"mos_std\.txt: looked for lines of standard deviation; found '0\.13 0\.16'"),
        ("mos_std.txt", "", r"mos_std\.txt: looked for lines of standard deviation; found nothing"),
        ("mos_std.txt", "0.13\nx\n0.1\n", r"standard deviation of i01_01_2\.bmp is not a number: 'x'"),
        ("mos_with_names.txt", "5.5\n5.6\n0.9\n", r"looked for lines of MOS and picture; found '5\.5'"),
        ("mos_with_names.txt", SCORES.replace("5.51429", "nan"), r"MOS of I01_01_1\.bmp is not a number: 'nan'"),
        ("mos_with_names.txt", SCORES.replace("I01_01_1", "I26_01_1"), r"names 'I26_01_1\.bmp', which is no picture"),
        ("mos_with_names.txt", SCORES.replace("I01_01_1", "I01_25_1"), r"names 'I01_25_1\.bmp'"),
        ("mos_with_names.txt", SCORES.replace("I01_01_1", "I01_01_6"), r"names 'I01_01_6\.bmp'"),
        ("mos_with_names.txt", SCORES.replace("I01_01_1.bmp", "I01.bmp"), r"names 'I01\.bmp'"),
    ],
)
def test_label_files_that_do_not_fit_are_refused(root, name, text, told):
    (root / name).write_text(text)
    with pytest.raises(DatabaseLayoutError, match=told):
        TID2013().read(root)


def test_a_byte_order_mark_is_no_part_of_the_first_score(root):
    (root / "mos_with_names.txt").write_text(SCORES, encoding="utf-8-sig", newline="\r\n")
    assert TID2013().read(root).manifest.table["score"].tolist() == [5.51429, 5.56757, 0.95]


def test_other_folders_are_refused(root):
    (root / "mos_std.txt").unlink()
    with pytest.raises(DatabaseLayoutError, match=r"is not tid2013: looked for 'mos_std\.txt'"):
        TID2013().read(root)
    with pytest.raises(DatabaseLayoutError, match=r"is not tid2013: looked for 'mos_with_names\.txt'"):
        TID2013().read(root / "reference_images")


@pytest.fixture
def real(shared, tmp_path):
    for name in ("mos_with_names.txt", "mos_std.txt"):
        os.symlink(shared / "data" / "labels" / "TID2013" / name, tmp_path / name)
    return tmp_path


def test_real_labels(real):
    table = TID2013().labels(FolderIndex(real, "tid2013"))
    assert len(table) == TID2013.pictures
    assert table["score"].agg(["min", "max"]).tolist() == [0.24242, 7.21429]
    assert table.groupby(["distortion", "level"]).size().tolist() == [25] * 120
    assert list(dict.fromkeys(table["distortion"])) == list(DISTORTIONS)
    assert table["group"].value_counts().tolist() == [120] * 25
    row = table[table["image"] == "distorted_images/i08_15_3.bmp"].iloc[0]
    assert (row["score"], row["score_std"], row["distortion"]) == (3.28125, 0.1988, "local_block_wise_distortions")
    means = table.groupby(["distortion", "level"])["score"].mean().round(2)
    assert means["local_block_wise_distortions"].tolist() == [3.28, 3.34, 3.48, 3.74, 4.07]
    assert means["contrast_change"].tolist() == [5.63, 6.48, 4.48, 6.29, 3.45]


def test_real_deviations_are_of_the_mean_not_of_the_opinions(real):
    table = TID2013().labels(FolderIndex(real, "tid2013"))
    part = table["score"] % 1
    least = (part * (1 - part)) ** 0.5  # of whole numbers with that mean
    assert (table["score_std"] < least - 0.005).sum() == 2894


def test_real_pictures(real, shared):
    for name in ("distorted_images", "reference_images"):
        os.symlink(shared / "data" / "samples" / "tid2013_samples" / name, real / name)
    result = TID2013().read(real)
    assert result.manifest.table["score"].tolist() == [3.86486, 0.7, 3.92683, 3.88889, 3.28125, 1.65789]
    assert "reference_images/I02.BMP" in result.missing
    assert "reference_images/I19.BMP" not in result.missing
