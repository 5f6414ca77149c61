"""KonIQ-10k: 10,073 photographs in the wild (Hosu et al., 2020)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from tfiqa.databases.label_file import read_columns
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.table_file import parse_numbers
from tfiqa.errors import ManifestError
from tfiqa.score_scale import ScoreScale

SCORE_FILE = "koniq10k_scores_and_distributions.csv"
SET_FILE = "koniq10k_distributions_sets.csv"
PLACES = ("", "metadata/")  # the owners' archives, and their code repository
GRADES = ("c1", "c2", "c3", "c4", "c5")  # how often each grade was given, in the set file as a share
SETS = {"training": "train", "validation": "validation", "test": "test"}
SCALES = {
    "mos_100": ScoreScale(1.0, 100.0, True, "KonIQ-10k MOS"),
    "mos_5": ScoreScale(1.0, 5.0, True, "KonIQ-10k MOS"),
}
ROUNDING = 1e-6  # the files carry about twelve digits


@READERS.register("koniq10k")
class KonIQ10k(FolderReader):
    """The official pictures in `1024x768` or `512x384` and one or both official score files.

    The official split is known only where `koniq10k_distributions_sets.csv` is there, and stands in `official_split`.

    Options:
        scores: "mos_100", made of the opinions after each rater's were brought to one mean and spread, or "mos_5", the
            mean of the opinions as given.
        size: of the pictures.

    The released deviation is that of the opinions as given (n - 1 in the denominator), so only "mos_5" has a
    `score_std`. It cannot be converted: "mos_100" is no function of "mos_5" (rank correlation .992, and the best line
    misses by up to 5.5 of 100). Pairs as the authors of UNIQUE drew them rest on "mos_5" too.
    """

    name = "koniq10k"
    citation = (
        "V. Hosu, H. Lin, T. Sziranyi, D. Saupe, KonIQ-10k: an ecologically valid database for deep learning of blind "
        "image quality assessment, IEEE Transactions on Image Processing 29, 4041-4056, 2020"
    )
    home_page = "https://database.mmsp-kn.de/koniq-10k-database.html"
    licence = "research use, the photographs under their Creative Commons licences; see the home page"
    pictures = 10_073
    scale = SCALES["mos_100"]
    has_references = False
    choices: ClassVar = {"scores": ("mos_100", "mos_5"), "size": ("1024x768", "512x384")}

    def score_scale(self) -> ScoreScale:
        return SCALES[self.options["scores"]]

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        score_file, set_file = _find(folder, SCORE_FILE), _find(folder, SET_FILE)
        if set_file:
            table = _set_table(set_file)
            if score_file:
                table = _joined(_score_table(score_file), table, f"{score_file} and {set_file}")
        else:
            table = _score_table(score_file or folder.require(SCORE_FILE, SET_FILE))
        scores = self.options["scores"]
        table = table.assign(image=self.options["size"] + "/" + table["image"], score=table[scores])
        if scores == "mos_5":
            table["score_std"] = table["SD"]
        return table.drop(columns=[*SCALES, "SD"])


def _find(folder: FolderIndex, file: str) -> Path | None:
    return next((found for place in PLACES if (found := folder.find(place + file))), None)


def _score_table(path: Path) -> pd.DataFrame:
    raw = read_columns(path, ("image_name", "SD", "MOS", "MOS_zscore"), "KonIQ-10k")
    return raw.rename(columns={"image_name": "image", "MOS": "mos_5", "MOS_zscore": "mos_100"})[
        ["image", "mos_5", "mos_100", "SD"]
    ]


def _set_table(path: Path) -> pd.DataFrame:
    """As `_score_table`, with `official_split`. The file's MOS is the one on 1 to 100; the other follows from the
    grades."""
    raw = read_columns(path, ("image_name", "SD", "MOS", "set", *GRADES), "KonIQ-10k")
    unknown = ~raw["set"].isin(SETS)
    if unknown.any():
        raise ManifestError(f"{path}: a set is one of {', '.join(SETS)}. Received: {raw.loc[unknown, 'set'].iloc[0]!r}")
    shares = np.stack([_numbers(raw[grade], path) for grade in GRADES], axis=1)
    uneven = np.abs(shares.sum(axis=1) - 1) > ROUNDING
    if uneven.any():
        raise ManifestError(f"{path}: the shares c1 to c5 of {raw.loc[uneven, 'image_name'].iloc[0]!r} do not sum to 1")
    return pd.DataFrame(
        {
            "image": raw["image_name"],
            "mos_5": shares @ np.arange(1, 6),
            "mos_100": raw["MOS"],
            "SD": raw["SD"],
            "official_split": raw["set"].map(SETS),
        }
    )


def _joined(scores: pd.DataFrame, sets: pd.DataFrame, files: str) -> pd.DataFrame:
    """The scores with the official split. Raises ManifestError where the files contradict each other."""
    both = scores.merge(sets, on="image", suffixes=("", "_set"))
    if not len(both) == len(scores) == len(sets):
        raise ManifestError(f"{files} name different pictures ({len(scores)} and {len(sets)}, in common {len(both)})")
    for column in (*SCALES, "SD"):
        differs = np.abs(_numbers(both[column], files) - _numbers(both[f"{column}_set"], files)) > ROUNDING
        if differs.any():
            raise ManifestError(f"{files} differ in {column} (first: {both.loc[differs, 'image'].iloc[0]})")
    return both[[*scores.columns, "official_split"]]


def _numbers(column: pd.Series, source: Path | str) -> np.ndarray:
    numbers, _ = parse_numbers(column)
    if not np.isfinite(numbers).all():
        cell = column[~np.isfinite(numbers)].iloc[0]
        raise ManifestError(f"{source}: {column.name} holds {cell!r} where a number belongs")
    return numbers
