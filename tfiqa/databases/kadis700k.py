"""KADIS-700k: 140,000 pristine photographs, each to be distorted at five levels (Lin, Hosu and Saupe, 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from tfiqa.databases.kadis700k_scores import SCORE_FILE, read_published_scores
from tfiqa.databases.label_file import numbers, read_columns
from tfiqa.databases.manifest import UNKNOWN_SCALE
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.distortions.levels import LEVELS, NAMES, NUMBERS
from tfiqa.errors import DatabaseLayoutError, InvalidInput

LIST_FILE = "kadis700k_ref_imgs.csv"
COLUMNS = ("ref_im", "dist_type_1", "dist_type_2")
REFERENCE_FOLDER = "ref_imgs"
DISTORTED_FOLDER = "dist_imgs"
REFERENCES = 140_000


@READERS.register("kadis700k")
class KADIS700k(FolderReader):
    """The official layout: the list, `ref_imgs`, and `dist_imgs` with what the release's program wrote. No opinion scores.

    Every reference has one type of distortion, drawn from 25, at levels 1 to 5.

    Option `rows`: "distorted" (700,000 pictures with reference, distortion and level) or "pristine" (the 140,000
    references, with the distortion that is drawn for each, for whoever makes the distorted ones).

    Option `draw`: the list gives type 8 (color_saturation_2) only in a second column, beside 7 (color_saturation_1) in
    the first, for 5,529 references. "published_script" goes by the first column alone, as the release's program does,
    which names and makes the pictures: type 8 never occurs. "both_columns" takes the second where it is filled.

    Option `scores`: "published" makes the rows from the release's table of eleven measures instead of its list, a column a
    measure, named as tfiqa's. The table says of what type each picture is (`draw` does not matter): its 27,645 pictures
    of type 8 are named `_08_` here, where "published_script" has type 7, so that no score meets another picture than
    the one that was scored. The release holds no distorted pictures; so `image` is where its program would write them,
    there or not, and only rows without their reference are left out.

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
        "scores": ("none", "published"),
    }

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        if self.options["scores"] == "published":
            if self.options["rows"] == "pristine":
                raise InvalidInput(
                    "the published scores are of distorted pictures: scores=published has no rows=pristine"
                )
            self.needed = "reference"

    @classmethod
    def official_count(cls, table: pd.DataFrame) -> int:
        """700,000; or 140,000 for a manifest of the pristine pictures, which has no levels."""
        return cls.pictures if "level" in table else REFERENCES

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        if self.options["scores"] == "published":
            return _scored(read_published_scores(folder.require(SCORE_FILE)))
        path = folder.require(LIST_FILE)
        raw = read_columns(path, COLUMNS, "KADIS-700k")
        names, drawn = raw["ref_im"], raw["dist_type_1"]
        if self.options["draw"] == "both_columns":
            drawn = raw["dist_type_2"].where(raw["dist_type_2"] != "", drawn)
        types = numbers(drawn.rename("the type of distortion"), names, path)
        strange = (names == "") | ~np.isin(types, range(1, len(NAMES) + 1))
        if strange.any():
            raise DatabaseLayoutError(
                f"{path}: {names[strange].iloc[0]!r} of type {drawn[strange].iloc[0]} is no picture of KADIS-700k"
            )
        types = types.astype(int)
        table = pd.DataFrame(
            {
                "image": REFERENCE_FOLDER + "/" + names,
                "distortion": np.array(NAMES, object)[types - 1],
                "group": _stems(names),
            }
        )
        return table if self.options["rows"] == "pristine" else _distorted(table)


def _stems(names: pd.Series) -> pd.Series:
    """File names without their endings, cut at the first dot, as the release's program does."""
    return names.str.split(".", n=1).str[0]


def _distorted(pristine: pd.DataFrame) -> pd.DataFrame:
    """Five rows for each reference: level 1, 2, ..., 5."""
    table = pristine.rename(columns={"image": "reference"}).loc[pristine.index.repeat(len(LEVELS))]
    table = table.reset_index(drop=True).assign(level=np.tile(LEVELS, len(pristine)))
    return table.assign(image=_places(table))


def _scored(scores: pd.DataFrame) -> pd.DataFrame:
    """The published table with the places of its pictures."""
    table = scores.assign(reference=REFERENCE_FOLDER + "/" + scores["reference"], group=_stems(scores["reference"]))
    return table.assign(image=_places(table))


def _places(table: pd.DataFrame) -> pd.Series:
    """Where the release's program writes the pictures of `group`, `distortion` and `level`."""
    endings = {(name, level): f"_{number:02}_{level:02}.bmp" for name, number in NUMBERS.items() for level in LEVELS}
    keys = zip(table["distortion"], table["level"], strict=True)
    return DISTORTED_FOLDER + "/" + table["group"] + [endings[key] for key in keys]
