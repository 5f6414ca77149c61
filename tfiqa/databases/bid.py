"""BID: 586 blurred and sharp photographs of one camera (Ciancio et al., 2011)."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

from tfiqa.databases.label_file import read_bytes
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.table_file import parse_numbers
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

LABEL_FILE = "DatabaseGrades.xls"
PICTURE_FOLDERS = ("ImageDatabase", ".")  # the owners' web folder; their archives unpack without one
HEADER = ("image number", "average subjective grade", "number of grades", "grade #1")
LOWEST, HIGHEST = 0.0, 5.0


@READERS.register("bid")
class BID(FolderReader):
    """The official workbook `DatabaseGrades.xls`, with the pictures in `ImageDatabase` or beside it.

    `score` is the sheet's own average, `score_std` the standard deviation of the picture's grades (n - 1 in the
    denominator, as MATLAB's `std`). In seven rows the average is not the mean of the grades beside it, by up to 0.32: in
    five of them a grade was left out or one counted that is not there. It is kept, as published results rest on it.
    Pictures are numbered 1 to 590; four numbers are not in use.
    """

    name = "bid"
    citation = (
        "A. Ciancio, A. da Costa, E. da Silva, A. Said, R. Samadani, P. Obrador, No-reference blur assessment of digital "
        "pictures based on multifeature classifiers, IEEE Transactions on Image Processing 20(1), 64-75, 2011"
    )
    home_page = "http://www02.smt.ufrj.br/~eduardo/ImageDatabase.htm"
    licence = "research use; see the home page"
    pictures = 586
    scale = ScoreScale(LOWEST, HIGHEST, True, "BID MOS")
    has_references = False

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        path = folder.require(LABEL_FILE)
        cells = _numbers(_first_sheet(path), path)
        number, average, grades = cells[0], cells[1], cells.iloc[:, len(HEADER) - 1 :]
        not_numbers = (number.isna() | (number % 1 != 0) | (number < 1)).to_numpy()
        if not_numbers.any():
            raise ManifestError(f"{path}: an image number is {number[not_numbers].iloc[0]}")
        opinions = pd.concat([average, grades], axis="columns")
        beyond = ((opinions < LOWEST) | (opinions > HIGHEST)).any(axis="columns")
        if beyond.any():
            raise ManifestError(f"{path}: image {number[beyond].iloc[0]:.0f} has a grade beyond {LOWEST} to {HIGHEST}")
        return pd.DataFrame(
            {
                "image": [_place(folder, f"DatabaseImage{int(value):04}.JPG") for value in number],
                "score": average,
                "score_std": grades.std(axis="columns", ddof=1),
            }
        )


def _first_sheet(path: Path) -> pd.DataFrame:
    """The cells of the first sheet below its header. Raises DatabaseLayoutError where it is another sheet."""
    import xlrd

    data = read_bytes(path)
    try:
        sheet = xlrd.open_workbook(file_contents=data, logfile=io.StringIO()).sheet_by_index(0)
    except Exception as error:  # on damaged files xlrd raises whatever its parser runs into
        raise DatabaseLayoutError(f"{path} is no readable Excel 97-2003 workbook: {error}") from error
    rows = [sheet.row_values(row) for row in range(sheet.nrows)]
    found = tuple(str(cell).strip() for cell in (rows[0] if rows else ())[: len(HEADER)])
    if tuple(cell.lower() for cell in found) != HEADER:
        raise DatabaseLayoutError(f"{path} has other columns than BID: looked for {HEADER}; it has {found}")
    return pd.DataFrame(rows[1:], columns=range(sheet.ncols), dtype=object)


def _numbers(sheet: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The cells as numbers, NaN where blank."""
    table = pd.DataFrame(index=sheet.index)
    for column in sheet:
        table[column], bad = parse_numbers(sheet[column])
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ManifestError(f"{path}: row {row + 2} holds {sheet[column].iloc[row]!r} where a number belongs")
    return table


def _place(folder: FolderIndex, picture: str) -> str:
    places = [f"{place}/{picture}".removeprefix("./") for place in PICTURE_FOLDERS]
    return next((place for place in places if folder.find(place)), places[0])
