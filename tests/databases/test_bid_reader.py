import struct

import numpy as np
import pytest
import xlrd

from tfiqa.databases import prepare
from tfiqa.databases.bid import BID
from tfiqa.databases.reader import FolderIndex
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

HEADER = ["Image Number", "Average Subjective Grade", "Number of Grades", "Grade #1", "Grade #2", "Grade #3"]
ROWS = [HEADER, [1, 4.5, 3, 4, 4.5, 5], [590, 1.25, 2, 0.5, 2, None]]


def record(kind, payload):
    return struct.pack("<HH", kind, len(payload)) + payload


def workbook(path, rows):
    """An .xls file of one sheet in the oldest dialect of the format (BIFF 2), which has a record a cell and no more."""
    cells = [record(0x0009, struct.pack("<HH", 0x0200, 0x0010))]
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            place = struct.pack("<HH", row, column) + bytes(3)
            if isinstance(value, str):
                text = value.encode("ascii")
                cells.append(record(0x0004, place + bytes([len(text)]) + text))
            elif value is not None:
                cells.append(record(0x0003, place + struct.pack("<d", value)))
    path.write_bytes(b"".join([*cells, record(0x000A, b"")]))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "imagedatabase"
    folder.mkdir()
    for name in ("DatabaseImage0001.JPG", "DatabaseImage0590.jpg"):
        (folder / name).touch()
    return tmp_path


def test_official_layout(root):
    workbook(root / "DatabaseGrades.xls", ROWS)
    result = prepare("bid", root)
    assert result.manifest.scale == ScoreScale(0, 5, True, "BID MOS")
    assert result.missing == []
    table = result.manifest.table
    assert table["image"].tolist() == [
        str(root / "imagedatabase" / name) for name in ("DatabaseImage0001.JPG", "DatabaseImage0590.jpg")
    ]
    assert table["score"].tolist() == [4.5, 1.25]
    np.testing.assert_allclose(table["score_std"], [0.5, 1.5 / np.sqrt(2)])


def test_pictures_beside_the_workbook(root):
    workbook(root / "databasegrades.XLS", ROWS)
    (root / "imagedatabase" / "DatabaseImage0001.JPG").rename(root / "DatabaseImage0001.JPG")
    (root / "imagedatabase" / "DatabaseImage0590.jpg").unlink()
    result = prepare("bid", root)
    assert result.manifest.table["image"].tolist() == [str(root / "DatabaseImage0001.JPG")]
    assert result.missing == ["ImageDatabase/DatabaseImage0590.JPG"]


@pytest.mark.parametrize(
    ("rows", "error", "told"),
    [
        ([["a", "b"], [1, 2]], DatabaseLayoutError, "has other columns than BID"),
        ([], DatabaseLayoutError, "has other columns than BID"),
        ([HEADER, [1.5, 4, 1, 4]], ManifestError, r"an image number is 1\.5"),
        ([HEADER, [None, 4, 1, 4]], ManifestError, "an image number is nan"),
        ([HEADER, [7, 4, 1, "good"]], ManifestError, "row 2 holds 'good' where a number belongs"),
        ([HEADER, [7, 4, 1, 5.5]], ManifestError, "image 7 has a grade beyond 0.0 to 5.0"),
        ([HEADER, ROWS[1], ROWS[1]], ManifestError, "the same picture as in an earlier row in row 3"),
        ([HEADER, [1, None, 2, 4, 5]], ManifestError, "score is missing in row 2"),
    ],
)
def test_inconsistent_workbooks_are_refused(root, rows, error, told):
    workbook(root / "DatabaseGrades.xls", rows)
    with pytest.raises(error, match=told):
        prepare("bid", root)


def test_another_folder_and_a_damaged_workbook_are_refused(root):
    with pytest.raises(
        DatabaseLayoutError, match=r"is not bid: looked for 'DatabaseGrades\.xls'; it holds imagedatabase"
    ):
        prepare("bid", root)
    (root / "DatabaseGrades.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and no more")
    with pytest.raises(DatabaseLayoutError, match="no readable Excel 97-2003 workbook"):
        prepare("bid", root)


def test_real_labels(shared):
    labels = shared / "data" / "labels" / "BID"
    if not labels.is_dir():
        pytest.skip(f"BID's labels not at hand: {labels}")
    table = BID().labels(FolderIndex(labels, "bid"))
    assert len(table) == BID.pictures
    assert table["score"].between(0, 5).all()
    assert table.iloc[0]["image"] == "ImageDatabase/DatabaseImage0001.JPG"
    assert table.iloc[-1]["image"] == "ImageDatabase/DatabaseImage0590.JPG"
    assert table.iloc[0]["score"] == pytest.approx(4.516640224615385, abs=1e-12)
    second = [0.91488016, 2.49684752, 1.89785632, 1.33039072, 2.7679696, 1.4312736, 1.41235808, 0.7503152, 0, 0]
    assert table.iloc[1]["image"].endswith("0003.JPG")
    assert table.iloc[1]["score_std"] == pytest.approx(np.std(second, ddof=1))
    assert table["score_std"].between(0.05, 2.5).all()


def test_the_real_averages_are_not_all_means(shared):
    path = shared / "data" / "labels" / "BID" / "DatabaseGrades.xls"
    if not path.is_file():
        pytest.skip(f"BID's labels not at hand: {path}")
    sheet = xlrd.open_workbook(path).sheet_by_index(0)
    rows = [sheet.row_values(row) for row in range(1, sheet.nrows)]
    differences = np.array([abs(row[1] - np.mean([grade for grade in row[3:] if grade != ""])) for row in rows])
    assert (differences > 1e-9).sum() == 7
    assert differences.max() == pytest.approx(0.32, abs=0.005)
