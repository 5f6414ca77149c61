"""LIVE In the Wild Image Quality Challenge: 1,162 photographs of mobile devices (Ghadiyaram and Bovik, 2016)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from tfiqa.databases.label_file import read_variables
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.errors import ManifestError
from tfiqa.score_scale import ScoreScale

PICTURE_FOLDER = "Images"
TRAINING_FOLDER = "Images/trainingImages"
VARIABLES = {"image": "AllImages_release", "score": "AllMOS_release", "score_std": "AllStdDev_release"}
TRAINING_NAME = re.compile(r"t\d+\.\w+", re.IGNORECASE)  # t1 to t7: what the raters practised on
RELEASED = {"rated": 1_162, "all": 1_169}


@READERS.register("live_challenge")
class LIVEChallenge(FolderReader):
    """The official layout of `ChallengeDB_release`: `Data` with three .mat files, `Images` with the pictures.

    Options:
        pictures: "rated", the 1,162 of the study, or "all" with the seven in `Images/trainingImages` that the raters
            practised on.
    """

    name = "live_challenge"
    citation = (
        "D. Ghadiyaram, A. C. Bovik, Massive online crowdsourced study of subjective and objective picture quality, "
        "IEEE Transactions on Image Processing 25(1), 372-387, 2016"
    )
    home_page = "https://live.ece.utexas.edu/research/ChallengeDB/index.html"
    licence = "free use with acknowledgement of LIVE at The University of Texas at Austin; see its readme"
    pictures = RELEASED["rated"]
    scale = ScoreScale(0.0, 100.0, True, "LIVE Challenge MOS")
    has_references = False
    choices: ClassVar = {"pictures": ("rated", "all")}

    @classmethod
    def official_count(cls, table: pd.DataFrame) -> int | None:
        has_training = table["image"].map(lambda image: bool(TRAINING_NAME.fullmatch(Path(image).name))).any()
        return RELEASED["all" if has_training else "rated"]

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        paths = {column: folder.require(f"Data/{variable}.mat") for column, variable in VARIABLES.items()}
        columns = {column: _cells(path, VARIABLES[column]) for column, path in paths.items()}
        lengths = {f"{VARIABLES[column]}.mat": len(cells) for column, cells in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ManifestError(f"{folder.root / 'Data'}: the files differ in length: {lengths}")
        names = pd.Series(columns["image"], dtype=object)
        if not all(isinstance(name, str) for name in names):
            raise ManifestError(f"{paths['image']}: a picture's name is no text")
        is_training = names.map(lambda name: bool(TRAINING_NAME.fullmatch(name)))
        table = pd.DataFrame(
            {
                "image": np.where(is_training, TRAINING_FOLDER, PICTURE_FOLDER) + "/" + names,
                "score": columns["score"],
                "score_std": columns["score_std"],
            }
        )
        return table if self.options["pictures"] == "all" else table[~is_training]


def _cells(path: Path, variable: str) -> list[object]:
    """The cells of a vector or of a cell array of texts, however deep MATLAB has nested them."""
    return [_plain(cell) for cell in read_variables(path, [variable])[variable].ravel()]


def _plain(cell: object) -> object:
    while isinstance(cell, np.ndarray):
        cell = cell.flat[0] if cell.size else None
    return cell
