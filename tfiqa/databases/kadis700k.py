"""KADIS-700k: 140,000 pristine photographs, each to be distorted at five levels (Lin, Hosu and Saupe, 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from tfiqa.databases.kadid10k import DISTORTIONS, LEVELS
from tfiqa.databases.label_file import numbers, read_columns
from tfiqa.databases.manifest import UNKNOWN_SCALE
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.errors import DatabaseLayoutError

LIST_FILE = "kadis700k_ref_imgs.csv"
COLUMNS = ("ref_im", "dist_type_1", "dist_type_2")
REFERENCE_FOLDER = "ref_imgs"
DISTORTED_FOLDER = "dist_imgs"
REFERENCES = 140_000


@READERS.register("kadis700k")
class KADIS700k(FolderReader):
    """The official layout: the list, `ref_imgs`, and `dist_imgs` with what the release's program wrote. No scores.

    Every reference has one type of distortion, drawn from 25, at levels 1 to 5.

    Option `rows`: "distorted" (700,000 pictures with reference, distortion and level) or "pristine" (the 140,000
    references, with the distortion that is drawn for each, for whoever makes the distorted ones).

    Option `draw`: the list gives type 8 (color_saturation_2) only in a second column, beside 7 (color_saturation_1) in
    the first, for 5,529 references. "published_script" goes by the first column alone, as the release's program does,
    which names and makes the pictures: type 8 never occurs. "both_columns" takes the second where it is filled.

    `group` is the reference.
    """

    name = "kadis700k"
    citation = (
        "H. Lin, V. Hosu, D. Saupe, DeepFL-IQA: weak supervision for deep IQA feature learning, arXiv:2001.08113, 2020"
    )
    home_page = "https://database.mmsp-kn.de/kadid-10k-database.html"
    licence = "Pixabay photographs; see the home page"
    pictures = REFERENCES * len(LEVELS)
    scale = UNKNOWN_SCALE
    has_references = True
    has_scores = False
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "rows": ("distorted", "pristine"),
        "draw": ("published_script", "both_columns"),
    }

    @classmethod
    def official_count(cls, table: pd.DataFrame) -> int:
        """700,000; or 140,000 for a manifest of the pristine pictures, which has no levels."""
        return cls.pictures if "level" in table else REFERENCES

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        path = folder.require(LIST_FILE)
        raw = read_columns(path, COLUMNS, "KADIS-700k")
        names, drawn = raw["ref_im"], raw["dist_type_1"]
        if self.options["draw"] == "both_columns":
            drawn = raw["dist_type_2"].where(raw["dist_type_2"] != "", drawn)
        types = numbers(drawn.rename("the type of distortion"), names, path)
        strange = (names == "") | ~np.isin(types, range(1, len(DISTORTIONS) + 1))
        if strange.any():
            raise DatabaseLayoutError(
                f"{path}: {names[strange].iloc[0]!r} of type {drawn[strange].iloc[0]} is no picture of KADIS-700k"
            )
        types = types.astype(int)
        table = pd.DataFrame(
            {
                "image": REFERENCE_FOLDER + "/" + names,
                "distortion": np.array(DISTORTIONS, object)[types - 1],
                "group": names.str.split(".", n=1).str[0],  # the release's program cuts at the first dot, too
            }
        )
        return table if self.options["rows"] == "pristine" else _distorted(table, types)


def _distorted(pristine: pd.DataFrame, types: np.ndarray) -> pd.DataFrame:
    """Five rows for each reference: level 1, 2, ..., 5."""
    table = pristine.rename(columns={"image": "reference"}).loc[pristine.index.repeat(len(LEVELS))]
    table = table.reset_index(drop=True)
    levels = np.tile(LEVELS, len(pristine))
    endings = [f"_{number:02}_{level:02}.bmp" for number in types for level in LEVELS]
    return table.assign(image=DISTORTED_FOLDER + "/" + table["group"] + endings, level=levels)
