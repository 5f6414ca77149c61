"""CID2013: photographs of the same scenes by 79 cameras and phones (Virtanen et al., 2015)."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pandas as pd

from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.workbook import read_sheet
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

WORKBOOK = "CID2013 data*.xlsx"  # "CID2013 data - version 12112014.xlsx" in the release on Zenodo
SHEET = "CID2013 MOS"
COLUMNS = ("source_id", "realigned_mos")
IMAGE_SETS = ("I", "II", "III", "IV", "V", "VI")
SOURCE_ID = r"(?i)^IS_(?P<set>I|II|III|IV|V|VI)_C(?P<scene>\d\d)_D(?P<device>\d\d)$"


@READERS.register("cid2013")
class CID2013(FolderReader):
    """The official layout: the workbook, and pictures such as `IS1/co1/IS_I_C01_D01.jpg`.

    A name tells the image set (I to VI, each with its own raters), the scene (`C`, one of eight compositions, several of
    them in every set) and the device (`D`, numbered anew in each set). Columns: `score`, the realigned MOS, which a study
    across the sets put on one scale; `image_set` (1 to 6); `scene` ("C01"), which is also the `group`, so that no
    composition stands on two sides of a split; `phone` ("I_D01"), the camera or phone.

    The paper speaks of 480 pictures, the released sheet has 474. The release was not at hand when this reader was
    written: names and places are those that public code for the release relies on, and anything else is refused.
    """

    name = "cid2013"
    citation = (
        "T. Virtanen, M. Nuutinen, M. Vaahteranoksa, P. Oittinen, J. Hakkinen, CID2013: a database for evaluating "
        "no-reference image quality assessment algorithms, IEEE Transactions on Image Processing 24(1), 390-402, 2015"
    )
    home_page = "https://zenodo.org/records/2647033"
    licence = "free use with acknowledgement of the University of Helsinki; see the home page"
    pictures = 474
    scale = ScoreScale(None, None, True, "CID2013 realigned MOS")  # -9.55 to 87.88: realignment keeps no bounds
    has_references = False

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        path = _workbook(folder)
        sheet = read_sheet(path, SHEET, COLUMNS)
        names = sheet["source_id"].map(str).str.strip()
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
                "score": sheet["realigned_mos"],
                "group": scene,
                "scene": scene,
                "phone": image_set + "_D" + parts["device"],
                "image_set": number,
            }
        )


def _workbook(folder: FolderIndex) -> Path:
    names = [name for name in folder.names() if fnmatch(name.casefold(), WORKBOOK.casefold())]
    if len(names) != 1:
        raise DatabaseLayoutError(
            f"{folder.root} is not {folder.database}: looked for one workbook {WORKBOOK!r}, found {len(names)}; it holds "
            f"{folder.contents()}"
        )
    return folder.root / names[0]
