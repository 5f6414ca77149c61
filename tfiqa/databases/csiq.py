"""CSIQ: 866 distorted versions of 30 photographs (Larson and Chandler, 2010)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfiqa.databases.label_file import numbers
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.table_file import as_text
from tfiqa.databases.workbook import read_sheet
from tfiqa.errors import DatabaseLayoutError
from tfiqa.score_scale import ScoreScale

# The present download, and the one before it; the sheet is the same.
SCORE_FILES = ("csiq.DMOS.xlsx", "csiq.beta.xlsx")
SHEET = "all_by_image"
COLUMNS = ("image", "dst_type", "dst_lev", "dmos_std", "dmos")
# The sheet's dst_type -> the pictures' folder, which is also the middle of their names, and our name.
TYPES = {
    "noise": ("awgn", "white_noise"),
    "jpeg": ("jpeg", "jpeg"),
    "jpeg 2000": ("jpeg2000", "jpeg2000"),
    "fnoise": ("fnoise", "pink_noise"),
    "blur": ("blur", "gaussian_blur"),
    "contrast": ("contrast", "contrast_decrement"),
}
LEVELS = (1, 2, 3, 4, 5)
# The archive's folders, or one folder of all pictures, as many programs want them to be put together.
DISTORTED_FOLDER = "dst_imgs"
FLAT_FOLDER = "dst_imgs_all"
REFERENCE_FOLDER = "src_imgs"


@READERS.register("csiq")
class CSIQ(FolderReader):
    """The official layout: the workbook, `src_imgs`, and `dst_imgs` with a folder for each distortion.

    The distorted pictures may also lie together in `dst_imgs_all`. `level` is 1 (slight) to 5; of contrast_decrement
    there are only three or four. `group` is the reference.
    """

    name = "csiq"
    citation = (
        "E. C. Larson, D. M. Chandler, Most apparent distortion: full-reference image quality assessment and the role "
        "of strategy, Journal of Electronic Imaging 19(1), 011006, 2010"
    )
    home_page = "https://s2.smu.edu/~eclarson/csiq.html"
    licence = "research use; see the home page"
    pictures = 866
    scale = ScoreScale(0.0, 1.0, False, "CSIQ DMOS")
    has_references = True

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        path = folder.require(*SCORE_FILES)
        sheet = read_sheet(path, SHEET, COLUMNS)
        if sheet.empty:
            raise DatabaseLayoutError(f"{path}: sheet {SHEET} has no rows")
        names = as_text(sheet["image"]).astype("string").str.strip()  # one photograph is called 1600, a number
        types = sheet["dst_type"].map(lambda cell: str(cell).strip().lower())
        levels = numbers(sheet["dst_lev"], names, path)
        strange = names.isna() | ~types.isin(list(TYPES)) | ~np.isin(levels, LEVELS)
        if strange.any():
            row = ", ".join(str(cell) for cell in sheet.loc[strange, list(COLUMNS[:3])].iloc[0])
            raise DatabaseLayoutError(f"{path}: no picture of CSIQ in sheet {SHEET}: {row}")
        files = types.map(lambda kind: TYPES[kind][0])
        pictures = names + "." + files + "." + pd.Series(levels.astype(int)).map(str) + ".png"
        lie_flat = any(folder.find(f"{FLAT_FOLDER}/{picture}") for picture in pictures)
        place = FLAT_FOLDER + "/" if lie_flat else DISTORTED_FOLDER + "/" + files + "/"
        return pd.DataFrame(
            {
                "image": place + pictures,
                "score": numbers(sheet["dmos"], pictures, path),
                "score_std": numbers(sheet["dmos_std"], pictures, path),
                "reference": REFERENCE_FOLDER + "/" + names + ".png",
                "distortion": types.map(lambda kind: TYPES[kind][1]),
                "level": levels.astype(int),
                "group": names,
            }
        )
