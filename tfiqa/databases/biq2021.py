"""BIQ2021: 12,000 photographs in the wild (Ahmed and Asif, 2022)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.table_file import read_table
from tfiqa.errors import DatabaseLayoutError
from tfiqa.score_scale import ScoreScale

PICTURE_FOLDER = "Images"
# The release has changed its files' names; the columns are the same. The training file has two more, empty columns.
TRAIN_FILES = ("Train (Images and MOS).csv", "Train.csv")
TEST_FILES = ("Test (Images and MOS).csv", "Test.csv")
JOINED_FILE = "labels.csv"
COLUMNS = {
    "image name": "image",
    "name": "image",
    "mos": "score",
    "official_split": "official_split",
    "near_duplicate_group": "group",
}


@READERS.register("biq2021")
class BIQ2021(FolderReader):
    """The official release (a file of labels for training and one for test), or one `labels.csv` of the same columns.

    The official split (10,000 and 2,000 pictures) is kept in the column `official_split` and never becomes `split`: the
    database holds near-identical pictures, and some of them stand on both sides. Where `labels.csv` numbers them in
    `near_duplicate_group`, that is the `group`.
    """

    name = "biq2021"
    citation = (
        "N. Ahmed, S. Asif, BIQ2021: a large-scale blind image quality assessment database, "
        "Journal of Electronic Imaging 31(5), 053010, 2022"
    )
    home_page = "https://github.com/nisarahmedrana/BIQ2021"
    licence = "research use; see the home page"
    pictures = 12_000
    scale = ScoreScale(0.0, 1.0, True, "BIQ2021 MOS")  # mean over 30 raters
    has_references = False

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        joined = folder.find(JOINED_FILE)
        if joined:
            table = _labels(joined)
        else:
            train, test = folder.require(*TRAIN_FILES), folder.require(*TEST_FILES)
            table = pd.concat(
                [_labels(train).assign(official_split="train"), _labels(test).assign(official_split="test")],
                ignore_index=True,
            )
        return table.assign(image=PICTURE_FOLDER + "/" + table["image"])


def _labels(path: Path) -> pd.DataFrame:
    raw = read_table(path)
    table = raw.rename(columns={name: COLUMNS[name.lower()] for name in raw.columns if name.lower() in COLUMNS})
    if not {"image", "score"} <= set(table) or table.columns.duplicated().any():
        raise DatabaseLayoutError(
            f"{path} is no label file of BIQ2021: looked for the columns 'Image Name' and 'MOS'; "
            f"it has {', '.join(raw.columns)}"
        )
    return table
