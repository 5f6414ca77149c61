"""KADID-10k: 10,125 distorted versions of 81 photographs (Lin, Hosu and Saupe, 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from tfiqa.databases.label_file import numbers, read_columns
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.distortions.levels import NAMES
from tfiqa.errors import DatabaseLayoutError
from tfiqa.score_scale import ScoreScale

SCORE_FILE = "dmos.csv"
COLUMNS = ("dist_img", "ref_img", "dmos", "var")
PICTURE_FOLDER = "images"
PICTURE_NAME = r"^(?P<reference>I[0-9]{2})_(?P<type>[0-9]{2})_0(?P<level>[1-5])\.png$"


@READERS.register("kadid10k")
class KADID10k(FolderReader):
    """The official layout: `dmos.csv`, and `images` with the distorted pictures and the references.

    The scores are called DMOS, but are mean ratings of 1 (very annoying) to 5 (imperceptible): higher is better.

    The column "var" holds standard deviations, not variances: for every row there are 20 to 60 whole ratings that have
    just this mean and this standard deviation (dividing by their number), for 9,584 of the 10,125 rows with 30 ratings,
    the number asked for. With this variance there are such ratings for 3,503 rows, with 30 for 124. A mean of 1.10 with
    0.300, say, is twenty-seven times 1 and three times 2. Option `deviation`: "as_stored", or "square_root", the root
    of the column, which the published training of UNIQUE takes.

    `level` is that of the file's name, 1 (slight) to 5, except that mean_shift and contrast_change are mildest at 3.
    `group` is the reference.
    """

    name = "kadid10k"
    citation = (
        "H. Lin, V. Hosu, D. Saupe, KADID-10k: a large-scale artificially distorted IQA database, QoMEX 2019; "
        "H. Lin, V. Hosu, D. Saupe, DeepFL-IQA: weak supervision for deep IQA feature learning, arXiv:2001.08113, 2020"
    )
    home_page = "https://database.mmsp-kn.de/kadid-10k-database.html"
    licence = "research use; see the home page"
    pictures = 10_125
    scale = ScoreScale(1.0, 5.0, True, "KADID-10k DMOS")
    has_references = True
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"deviation": ("as_stored", "square_root")}

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        path = folder.require(SCORE_FILE)
        raw = read_columns(path, COLUMNS, "KADID-10k")
        names, references = raw["dist_img"], raw["ref_img"]
        parts = names.str.extract(PICTURE_NAME)
        types = pd.to_numeric(parts["type"])
        strange = ~types.between(1, len(NAMES)) | (references != parts["reference"] + ".png")
        if strange.any():
            raise DatabaseLayoutError(
                f"{path}: {names[strange].iloc[0]!r} of {references[strange].iloc[0]!r} is no picture of KADID-10k"
            )
        deviations = numbers(raw["var"], names, path)
        if self.options["deviation"] == "square_root":
            # A negative one stays, to be refused with the scores.
            deviations = np.sqrt(deviations, where=deviations > 0, out=deviations.copy())
        return pd.DataFrame(
            {
                "image": PICTURE_FOLDER + "/" + names,
                "score": numbers(raw["dmos"], names, path),
                "score_std": deviations,
                "reference": PICTURE_FOLDER + "/" + references,
                "distortion": [NAMES[number - 1] for number in types.astype(int)],
                "level": parts["level"].astype(int),
                "group": parts["reference"],
            }
        )
