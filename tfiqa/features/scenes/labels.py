"""The columns scene_0, scene_1, ... of a table of pictures."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tfiqa.features.scenes.clusters import SceneTypes

NUMBERED = re.compile(r"scene_\d+")


def numbered_scenes(table: pd.DataFrame) -> list[str]:
    """The columns of a table that clusters are, or were, named by."""
    return [str(column) for column in table if NUMBERED.fullmatch(str(column))]


def with_scenes(table: pd.DataFrame, types: SceneTypes, descriptors: ArrayLike) -> pd.DataFrame:
    """The table (N rows) with `types.columns` by the descriptors (N, 37): 1 where a picture is of the type, else 0. They take the
    place of all `numbered_scenes`."""
    labels = np.eye(len(types), dtype=np.int64)[types.assign(descriptors)]
    kept = table.drop(columns=numbered_scenes(table))
    return kept.join(pd.DataFrame(labels, columns=list(types.columns), index=table.index))
