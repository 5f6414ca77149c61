import openpyxl
import pytest

from tfiqa.databases import prepare
from tfiqa.databases.cid2013 import CID2013
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

NAME = "CID2013 data - version 12112014.xlsx"
HEADER = ["Source_ID", "Image set specific  MOS", "Realigned MOS", "Sharpness"]
ROWS = [HEADER, ["IS_I_C01_D01", 50.5, 40.25, 3], ["IS_VI_C01_D14", 60, -9.5, 4], ["IS_IV_C08_D01", 10, 12, 1]]
PLACES = ("IS1/co1/IS_I_C01_D01.jpg", "IS6/CO1/IS_VI_C01_D14.JPG", "IS4/co8/IS_IV_C08_D01.jpg")


def workbook(path, rows, sheet="CID2013 MOS"):
    book = openpyxl.Workbook()
    book.active.title = "Readme"
    page = book.create_sheet(sheet)
    for row in rows:
        page.append(row)
    book.save(path)


@pytest.fixture
def root(tmp_path):
    for place in PLACES:
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    return tmp_path


def test_official_layout(root):
    workbook(root / NAME, [*ROWS, [None, None]])
    result = prepare("cid2013", root)
    assert result.manifest.scale == ScoreScale(None, None, True, "CID2013 realigned MOS")
    assert result.missing == []
    table = result.manifest.table
    assert table["image"].tolist() == [str(root / place) for place in PLACES]
    assert table["score"].tolist() == [40.25, -9.5, 12]
    assert table["scene"].tolist() == table["group"].tolist() == ["C01", "C01", "C08"]
    assert table["phone"].tolist() == ["I_D01", "VI_D14", "IV_D01"]  # devices are numbered anew in each set
    assert table["image_set"].tolist() == [1, 6, 4]
    assert CID2013.official_count(table) == 474


def test_headers_and_file_may_be_written_otherwise(root):
    workbook(root / "cid2013 DATA.XLSX", [["source_id", "Realigned  mos "], ["IS_I_C01_D01", 1]])
    assert prepare("cid2013", root).manifest.table["score"].tolist() == [1]


@pytest.mark.parametrize(
    ("rows", "sheet", "error", "told"),
    [
        (ROWS, "MOS", DatabaseLayoutError, "looked for the sheet 'CID2013 MOS'; it has Readme, MOS"),
        (
            [["Source_ID", "MOS"]],
            "CID2013 MOS",
            DatabaseLayoutError,
            "columns source_id, realigned_mos in sheet CID2013 MOS; it has source_id, mos",
        ),
        ([HEADER, ["IS_VII_C01_D01", 1, 1]], "CID2013 MOS", ManifestError, "like 'IS_I_C01_D01'. Received: 'IS_VII"),
        ([HEADER, ["IS_I_C01_D01", 1, "x"]], "CID2013 MOS", ManifestError, "score is not a number in row 2"),
        ([HEADER, ROWS[1], ROWS[1]], "CID2013 MOS", ManifestError, "the same picture as in an earlier row"),
        ([HEADER], "CID2013 MOS", ManifestError, "it has no rows"),
    ],
)
def test_other_workbooks_are_refused(root, rows, sheet, error, told):
    workbook(root / NAME, rows, sheet)
    with pytest.raises(error, match=told):
        prepare("cid2013", root)


def test_another_folder_is_refused(root):
    with pytest.raises(
        DatabaseLayoutError, match=r"looked for one workbook 'CID2013 data\*\.xlsx', found 0; it holds IS1"
    ):
        prepare("cid2013", root)
    workbook(root / NAME, ROWS)
    whole = bytearray((root / NAME).read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 300] = b"x" * 300
    for damaged in (b"no workbook", bytes(whole)):
        (root / NAME).write_bytes(damaged)
        with pytest.raises(DatabaseLayoutError, match="is no readable workbook"):
            prepare("cid2013", root)
    workbook(root / "CID2013 data - copy.xlsx", ROWS)
    with pytest.raises(DatabaseLayoutError, match="found 2"):
        prepare("cid2013", root)
