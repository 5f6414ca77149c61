import os

import numpy as np
import pytest

from tfiqa.databases.kadid10k import KADID10k
from tfiqa.databases.reader import FolderIndex
from tfiqa.distortions.levels import NAMES
from tfiqa.errors import DatabaseLayoutError, ManifestError, UnknownName
from tfiqa.score_scale import ScoreScale

HEADER = "dist_img,ref_img,dmos,var\n"
ROWS = "I01_01_05.png,I01.png,1.1,0.3\nI01_25_03.png,I01.png,4.33,0.869\nI81_08_01.png,I81.png,4.93,0.249\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "Images").mkdir()
    for name in ("I01.png", "I01_01_05.PNG", "I01_25_03.png", "I81_08_01.png", "I81.png"):
        (tmp_path / "Images" / name).touch()
    (tmp_path / "dmos.csv").write_text(HEADER + ROWS)
    return tmp_path


def test_official_layout(root):
    result = KADID10k().read(root)
    assert result.missing == []
    assert result.manifest.scale == ScoreScale(1, 5, True, "KADID-10k DMOS")
    assert result.manifest.table.to_dict("list") == {
        "image": [str(root / "Images" / name) for name in ("I01_01_05.PNG", "I01_25_03.png", "I81_08_01.png")],
        "score": [1.1, 4.33, 4.93],
        "score_std": [0.3, 0.869, 0.249],
        "reference": [str(root / "Images" / name) for name in ("I01.png", "I01.png", "I81.png")],
        "distortion": ["gaussian_blur", "contrast_change", "color_saturation_2"],
        "level": [5, 3, 1],
        "group": ["I01", "I01", "I81"],
        "database": ["kadid10k"] * 3,
    }


@pytest.mark.parametrize(
    ("number", "distortion"),
    [
        (2, "lens_blur"),
        (6, "color_quantization"),
        (9, "jpeg2000"),
        (10, "jpeg"),
        (15, "denoise"),
        (16, "brighten"),
        (17, "darken"),
        (18, "mean_shift"),
        (19, "jitter"),
        (21, "pixelate"),
        (22, "quantization"),
        (24, "high_sharpen"),
    ],
)
def test_numbers_of_distortions(root, number, distortion):
    (root / "dmos.csv").write_text(HEADER + ROWS.replace("I01_01_05", f"I01_{number:02}_05"))
    (root / "Images" / f"I01_{number:02}_05.png").touch()
    assert KADID10k().read(root).manifest.table["distortion"].iloc[0] == distortion


def test_deviation_as_unique_takes_it(root):
    table = KADID10k(deviation="square_root").read(root).manifest.table
    np.testing.assert_allclose(table["score_std"], np.sqrt([0.3, 0.869, 0.249]), rtol=1e-15)
    assert table["score"].tolist() == [1.1, 4.33, 4.93]
    with pytest.raises(UnknownName, match="unknown value of kadid10k's option deviation 'root'"):
        KADID10k(deviation="root")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "dist_img,ref_img,mos,std\n" + ROWS,
            "is no label file of KADID-10k: looked for .*it has dist_img, ref_img, mos",
        ),
        (HEADER + ROWS.replace("I81.png", "I80.png"), r"'I81_08_01\.png' of 'I80\.png' is no picture of KADID-10k"),
        (HEADER + ROWS.replace("_08_01", "_26_01"), r"'I81_26_01\.png' of 'I81\.png' is no picture of KADID-10k"),
        (HEADER + ROWS.replace("_08_01", "_08_06"), r"'I81_08_06\.png' of 'I81\.png' is no picture of KADID-10k"),
        (HEADER + ROWS.replace("I81.png", ""), r"'I81_08_01\.png' of '' is no picture of KADID-10k"),
        (HEADER + ",I01.png,2,0.5\n", r"'' of 'I01\.png' is no picture of KADID-10k"),
        (HEADER + ROWS.replace("4.93", "good"), r"dmos\.csv: dmos of I81_08_01\.png is not a number: 'good'"),
        (HEADER + ROWS.replace("0.249", ""), r"dmos\.csv: var of I81_08_01\.png is not a number"),
    ],
)
def test_label_files_that_do_not_fit_are_refused(root, text, told):
    (root / "dmos.csv").write_text(text)
    with pytest.raises(DatabaseLayoutError, match=told):
        KADID10k().read(root)


def test_a_picture_listed_twice_is_refused(root):
    (root / "dmos.csv").write_text(HEADER + ROWS + "I01_01_05.png,I01.png,1.2,0.3\n")
    with pytest.raises(ManifestError, match="the same picture as in an earlier row in row 5"):
        KADID10k().read(root)


@pytest.mark.parametrize("deviation", ["as_stored", "square_root"])
def test_negative_deviations_are_refused(root, deviation):
    (root / "dmos.csv").write_text(HEADER + ROWS.replace("0.869", "-0.869"))
    with pytest.raises(ManifestError, match=r"score_std is negative for 1 of 3 .*-0\.869 of images/I01_25_03\.png"):
        KADID10k(deviation=deviation).read(root)


def test_another_folder_is_refused(root):
    with pytest.raises(DatabaseLayoutError, match=r"is not kadid10k: looked for 'dmos\.csv'; it holds I01\.png"):
        KADID10k().read(root / "Images")


@pytest.fixture
def real(shared, tmp_path):
    os.symlink(shared / "data" / "labels" / "KADID-10k" / "dmos.csv", tmp_path / "dmos.csv")
    return KADID10k().labels(FolderIndex(tmp_path, "kadid10k"))


def test_real_labels(real):
    assert len(real) == KADID10k.pictures
    assert real["score"].agg(["min", "max"]).tolist() == [1, 4.93]
    assert real["score_std"].agg(["min", "max"]).tolist() == [0, 1.593]
    assert real.groupby(["distortion", "level"]).size().tolist() == [81] * 125
    assert list(dict.fromkeys(real["distortion"])) == list(NAMES)
    assert real["group"].nunique() == 81
    row = real[real["image"] == "images/I01_15_05.png"].iloc[0]
    assert (row["score"], row["score_std"], row["distortion"], row["level"]) == (1.33, 0.471, "denoise", 5)
    means = real.groupby(["distortion", "level"])["score"].mean()
    assert means["gaussian_blur"].is_monotonic_decreasing
    assert means["mean_shift"].idxmax() == means["contrast_change"].idxmax() == 3


def test_the_column_var_holds_standard_deviations(real):
    """Which sets of 30 ratings of 1 to 5 have both the mean and the spread of a row, as they are rounded?"""

    def possible(low, high):  # of the variance
        total = np.round(real["score"] * 30)
        # The sum of the ratings' squares is whole, and odd where the sum of the ratings is odd.
        first = np.ceil(30 * low + total**2 / 30 - 1e-9)
        first += (first - total) % 2
        fits_mean = np.abs(total / 30 - real["score"]) < 0.00501
        return int((fits_mean & (first <= 30 * high + total**2 / 30 + 1e-9)).sum())

    low, high = (real["score_std"] - 0.000501).clip(lower=0), real["score_std"] + 0.000501
    assert possible(low**2, high**2) > 9500
    assert possible(low, high) < 200


def test_sample_pictures_are_found(shared, tmp_path):
    os.symlink(shared / "data" / "labels" / "KADID-10k" / "dmos.csv", tmp_path / "dmos.csv")
    os.symlink(shared / "data" / "samples" / "kadid10k_samples" / "images", tmp_path / "images")
    result = KADID10k().read(tmp_path)
    assert result.manifest.table["score"].tolist() == [4.33, 1.1, 2.27, 1.33, 2.07]
    assert "images/I02.png" in result.missing
