"""CID2013: photographs of the same scenes by 79 cameras and phones (Virtanen et al., 2015)."""

from __future__ import annotations

import os
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd

from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

WORKBOOK = "CID2013 data*.xlsx"  # "CID2013 data - version 12112014.xlsx" in the release on Zenodo
SHEET = "CID2013 MOS"
COLUMNS = {"source_id": "id", "realigned mos": "score"}
IMAGE_SETS = ("I", "II", "III", "IV", "V", "VI")
SOURCE_ID = r"(?i)^IS_(?P<set>I|II|III|IV|V|VI)_C(?P<scene>\d\d)_D(?P<device>\d\d)$"


@READERS.register("cid2013")
class CID2013(FolderReader):
    """The official layout: the workbook, and pictures such as `IS1/co1/IS_I_C01_D01.jpg`.

    A name tells the image set (I to VI, each with its own raters), the scene (`C`, one of eight compositions, several of
    them in every set) and the device (`D`, numbered anew in each set). Columns: `score`, the realigned MOS, which a study
    across the sets put on one scale; `image_set` (1 to 6); `scene` ("C01"), which is also the `group`, so that no
    composition stands on two sides of a split; `phone` ("I_D01"), the camera or phone.

    The paper speaks of 480 pictures, the released sheet has 474. It was not at hand when this reader was written: names
    and places are those that public code for the release relies on, and anything else is refused.
    """

    name = "cid2013"
    citation = (
        "T. Virtanen, M. Nuutinen, M. Vaahteranoksa, P. Oittinen, J. Hakkinen, CID2013: a database for evaluating "
        "no-reference image quality assessment algorithms, IEEE Transactions on Image Processing 24(1), 390-402, 2015"
    )
    home_page = "https://zenodo.org/records/2647033"
    licence = "free use with acknowledgement of the University of Helsinki; see the home page"
    pictures = 474
    scale = ScoreScale(0.0, 100.0, True, "CID2013 realigned MOS")
    has_references = False

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        path = _workbook(folder)
        sheet = _sheet(path)
        names = sheet["id"].map(str).str.strip()
        parts = names.str.extract(SOURCE_ID)
        bad = parts["set"].isna()
        if bad.any():
            raise ManifestError(f"{path}: a Source_ID is like 'IS_I_C01_D01'. Received: {names[bad].iloc[0]!r}")
        image_set = parts["set"].str.upper()
        number = image_set.map(lambda numeral: IMAGE_SETS.index(numeral) + 1)
        scene = "C" + parts["scene"]
        return pd.DataFrame(
            {
                "image": "IS" + number.map(str) + "/co" + parts["scene"].str.lstrip("0") + "/" + names + ".jpg",
                "score": sheet["score"],
                "group": scene,
                "scene": scene,
                "phone": image_set + "_D" + parts["device"],
                "image_set": number,
            }
        )


def _workbook(folder: FolderIndex) -> Path:
    names = [name for name in os.listdir(folder.root) if fnmatch(name.casefold(), WORKBOOK.casefold())]
    if len(names) != 1:
        raise DatabaseLayoutError(
            f"{folder.root} is not {folder.database}: looked for one workbook {WORKBOOK!r}, found {len(names)}; it holds "
            f"{folder.contents()}"
        )
    return folder.root / names[0]


def _sheet(path: Path) -> pd.DataFrame:
    """The columns of `COLUMNS` under our names. Raises DatabaseLayoutError where it is another workbook."""
    try:
        book = pd.ExcelFile(path, engine="openpyxl")
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise DatabaseLayoutError(f"{path} is no readable workbook: {error}") from error
    with book:
        if SHEET not in book.sheet_names:
            sheets = ", ".join(map(str, book.sheet_names))
            raise DatabaseLayoutError(f"{path}: looked for the sheet {SHEET!r}; it has {sheets}")
        table = pd.read_excel(book, sheet_name=SHEET, dtype=object).dropna(how="all").reset_index(drop=True)
    names = [" ".join(str(name).split()).lower() for name in table.columns]
    if not set(COLUMNS) <= set(names):
        raise DatabaseLayoutError(
            f"{path}: the sheet {SHEET!r} lacks 'Source_ID' or 'Realigned MOS'; it has {', '.join(map(str, table.columns))}"
        )
    return table.set_axis(names, axis="columns")[list(COLUMNS)].rename(columns=COLUMNS)
