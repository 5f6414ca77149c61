import os

import openpyxl
import pytest

from tfiqa.databases.csiq import CSIQ
from tfiqa.databases.reader import FolderIndex
from tfiqa.errors import DatabaseLayoutError
from tfiqa.score_scale import ScoreScale

HEADER = ["image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"]
ROWS = [
    [1600, 1, "noise", 1, 0.0612, 0.062],
    [1600, 3, "jpeg 2000", 5, 0.1, 0.9],
    ["boston", 2, "jpeg", 2, 0.08, 0.25],
    ["boston", 4, "fnoise", 3, 0.07, 0.5],
    ["boston", 5, "blur", 4, 0.06, 0.75],
    ["boston", 6, "contrast", 1, 0, 0],
]
# Letter case as in the release.
FILES = [
    "awgn/1600.AWGN.1.png",
    "jpeg2000/1600.jpeg2000.5.png",
    "jpeg/boston.JPEG.2.png",
    "fnoise/boston.fnoise.3.png",
    "blur/boston.BLUR.4.png",
    "contrast/boston.contrast.1.png",
]


def workbook(path, rows=ROWS, header=HEADER, sheet="all_by_image"):
    """The table starts at D4, behind another sheet."""
    book = openpyxl.Workbook()
    book.active.append(["N", "CriticalZ 5%"])
    page = book.create_sheet(sheet)
    for number, row in enumerate([header, *rows], start=4):
        for column, cell in enumerate(row, start=4):
            page.cell(number, column, cell)
    book.save(path)


@pytest.fixture
def root(tmp_path):
    for name in [*(f"dst_imgs/{file}" for file in FILES), "src_imgs/1600.png", "src_imgs/boston.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("name", ["csiq.DMOS.xlsx", "csiq.beta.xlsx"])
def test_official_layout(root, name):
    workbook(root / name)
    result = CSIQ().read(root)
    table = result.manifest.table
    assert result.missing == []
    assert result.manifest.scale == ScoreScale(0, 1, False, "CSIQ DMOS")
    assert table["image"].tolist() == [str(root / "dst_imgs" / file) for file in FILES]
    assert table["score"].tolist() == [row[5] for row in ROWS]
    assert table["score_std"].tolist() == [row[4] for row in ROWS]
    assert table["level"].tolist() == [1, 5, 2, 3, 4, 1]
    assert table["distortion"].tolist() == [
        *("white_noise", "jpeg2000", "jpeg", "pink_noise", "gaussian_blur", "contrast_decrement")
    ]
    assert table["reference"].tolist() == [str(root / "src_imgs" / f"{row[0]}.png") for row in ROWS]
    assert table["group"].tolist() == ["1600", "1600", "boston", "boston", "boston", "boston"]


def test_distorted_pictures_in_one_folder(root):
    workbook(root / "csiq.DMOS.xlsx")
    (root / "dst_imgs_all").mkdir()
    for file in FILES:
        (root / "dst_imgs" / file).rename(root / "dst_imgs_all" / file.split("/")[1])
    result = CSIQ().read(root)
    assert result.missing == []
    assert result.manifest.table["image"].iloc[0] == str(root / "dst_imgs_all" / "1600.AWGN.1.png")


def test_missing_pictures_are_listed_as_the_release_names_them(root):
    workbook(root / "csiq.DMOS.xlsx")
    (root / "dst_imgs" / FILES[2]).unlink()
    result = CSIQ().read(root)
    assert result.missing == ["dst_imgs/jpeg/boston.jpeg.2.png"]
    assert len(result.manifest) == 5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sheet": "all"}, "looked for the sheet 'all_by_image'; it has Sheet, all"),
        (
            {"header": ["image", "dst_idx", "dst_type", "dst_lev", "std", "dmos"]},
            "looked for the columns image, .*std, d",
        ),
        ({"header": ["image", "dmos", "dst_type", "dst_lev", "dmos_std", "dmos"]}, "looked for the columns"),
        ({"rows": [["boston", 7, "haze", 1, 0.1, 0.2]]}, "no picture of CSIQ in sheet all_by_image: boston, haze, 1"),
        ({"rows": [["boston", 1, "noise", 6, 0.1, 0.2]]}, "no picture of CSIQ in sheet all_by_image: boston, noise, 6"),
        ({"rows": [["boston", 1, "noise", 1.5, 0.1, 0.2]]}, "boston, noise, 1.5"),
        ({"rows": [[None, 1, "noise", 1, 0.1, 0.2]]}, "None, noise, 1"),
        ({"rows": [["boston", 1, "noise", 1, 0.1, "#REF!"]]}, r"dmos of boston\.awgn\.1\.png is not a number: '#REF!'"),
        ({"rows": [["boston", 1, "noise", 1, None, 0.2]]}, r"dmos_std of boston\.awgn\.1\.png is not a number: None"),
        ({"rows": []}, "sheet all_by_image has no rows"),
    ],
)
def test_other_workbooks_are_refused(root, change, told):
    workbook(root / "csiq.DMOS.xlsx", **change)
    with pytest.raises(DatabaseLayoutError, match=told):
        CSIQ().read(root)


def test_another_folder_and_a_damaged_workbook_are_refused(root):
    with pytest.raises(DatabaseLayoutError, match=r"is not csiq: looked for 'csiq\.DMOS\.xlsx' or 'csiq\.beta\.xlsx'"):
        CSIQ().read(root)
    (root / "csiq.DMOS.xlsx").write_bytes(b"PK no workbook")
    with pytest.raises(DatabaseLayoutError, match="is no readable workbook"):
        CSIQ().read(root)


def test_real_labels(shared, tmp_path):
    os.symlink(shared / "data" / "labels" / "CSIQ" / "csiq.beta.xlsx", tmp_path / "csiq.beta.xlsx")
    table = CSIQ().labels(FolderIndex(tmp_path, "csiq"))
    assert len(table) == CSIQ.pictures
    assert table["image"].is_unique
    assert table["score"].agg(["min", "max"]).tolist() == [0, 1]
    assert table["group"].nunique() == 30
    first = table.iloc[0]
    assert (first["image"], first["reference"]) == ("dst_imgs/awgn/1600.awgn.1.png", "src_imgs/1600.png")
    assert first[["score", "score_std"]].astype(float).round(5).tolist() == [0.06199, 0.06122]
    counts = table["distortion"].value_counts()
    assert counts["contrast_decrement"] == 116
    assert counts.drop("contrast_decrement").tolist() == [150] * 5
    assert table.groupby("distortion")["level"].max().to_dict()["contrast_decrement"] == 4
    means = table.groupby(["distortion", "level"])["score"].mean()
    assert all(means[kind].is_monotonic_increasing for kind in counts.index)
