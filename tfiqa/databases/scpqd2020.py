"""SCPQD2020: 100 scenes by 15 smartphones, ranked in four aspects (Zhu et al., 2020)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pandas as pd

from tfiqa.databases.label_file import read_columns
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.table_file import parse_numbers, read_table
from tfiqa.errors import ManifestError
from tfiqa.score_scale import ScoreScale

PICTURE_FOLDER = "Training"
RANK_FOLDER = "score_and_sort/Training/sort"
ASPECTS = ("texture", "color", "noise", "exposure")
SCENES = tuple(f"{number:03}" for number in range(1, 101))
PHONES = 15
PICTURE_NAME = r"^(?P<phone>[A-Za-z]+)_(?P<scene>\d+)\.\w+$"


@READERS.register("scpqd2020")
class SCPQD2020(FolderReader):
    """The labelled part of the release for the ICME 2020 challenge QA4Camera.

    `Training/001/A_001.jpg` shows scene 001 by phone A (to 100 and O); `score_and_sort/Training/sort/001.csv` ranks the
    scene's pictures, with the columns (picture), Color, Exposure, Noise, Texture. Rank 1 is the best of 15; pictures that
    tie share the mean of their ranks, such as 2.5. Columns: `score`, the rank in the chosen aspect; `rank_texture`,
    `rank_color`, `rank_noise`, `rank_exposure`; `scene`, which is also the `group`; `phone`.

    Ranks compare only within a scene. The 20 scenes in `Test` have no labels and are not read, nor are the mean grades in
    `score_and_sort/Training/score`, which not every copy has. The release was not at hand when this reader was written:
    the layout is that of the sample in the public repository zhxieml/RankNet_IQA, and anything else is refused.

    Options:
        aspect: the one whose ranks are the scores.
    """

    name = "scpqd2020"
    citation = (
        "W. Zhu, G. Zhai, Z. Han, X. Min, T. Wang, Z. Zhang, X. Yang, A multiple attributes image quality database for "
        "smartphone camera photo quality assessment, arXiv:2003.01299, 2020"
    )
    home_page = "https://qa4camera.github.io/"
    licence = "research use; see the home page"
    pictures = PHONES * len(SCENES)
    scale = ScoreScale(1.0, float(PHONES), False, "SCPQD2020 texture rank")
    has_references = False
    choices: ClassVar = {"aspect": ASPECTS}

    def score_scale(self) -> ScoreScale:
        return ScoreScale(1.0, float(PHONES), False, f"SCPQD2020 {self.options['aspect']} rank")

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        ranks = pd.concat(
            [_ranks(folder.require(f"{RANK_FOLDER}/{scene}.csv")).assign(scene=scene) for scene in SCENES],
            ignore_index=True,
        )
        parts = ranks["picture"].str.extract(PICTURE_NAME)
        strange = parts["scene"] != ranks["scene"]
        if strange.any():
            picture, scene = ranks.loc[strange, ["picture", "scene"]].iloc[0]
            raise ManifestError(
                f"{folder.root}: pictures of scene {scene} are named like 'A_{scene}.jpg'. Received: {picture!r}"
            )
        table = pd.DataFrame(
            {
                "image": PICTURE_FOLDER + "/" + ranks["scene"] + "/" + ranks["picture"],
                "score": ranks[self.options["aspect"]],
                "group": ranks["scene"],
                "scene": ranks["scene"],
                "phone": parts["phone"].str.upper(),
            }
        )
        for aspect in ASPECTS:
            numbers = pd.Series(parse_numbers(ranks[aspect])[0])
            bad = ~numbers.between(1, PHONES)
            if bad.any():
                picture, cell = ranks.loc[bad, ["picture", aspect]].iloc[0]
                raise ManifestError(
                    f"{folder.root}: {aspect} of {picture} is no rank from 1 to {PHONES}. Received: {cell!r}"
                )
            table[f"rank_{aspect}"] = numbers
        return table


def _ranks(path: Path) -> pd.DataFrame:
    """A scene's ranks: `picture` and the aspects. The file's first header is a blank, its letter case not ours."""
    ranks = read_columns(path, ASPECTS, "SCPQD2020")
    return ranks.assign(picture=read_table(path).iloc[:, 0])
