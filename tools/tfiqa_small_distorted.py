"""Distorted pictures as `tfiqa_small` learns from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from measure_artificial import severity
from numpy.typing import NDArray
from tfiqa_small_data import Features, Indices
from tfiqa_small_material import ORIGINAL

from tfiqa.distortions import DISTORTIONS, NUMBERS

UNHARMED, IDENTICAL = 0.9985, 0.99999  # VSI above which nobody sees a difference, or there is none
LEAST_STEP = 0.05  # of 0..1, between a picture and a stronger distortion of it
CODEC_STEP = 30.0  # of their quality, 1..60, is as much as one of -1..1 is of a distortion's level


@dataclass(frozen=True)
class Distorted:
    """Distorted pictures and their originals.

    Args:
        features: (N, D).
        intact: rank of their VSI among them, 0..1.
        known: whether they are distorted to be seen.
        groups: what each was made of; near-duplicates have the same.
        types: number of the distortion, -1 for an original.
        levels: -1..1, the strength of the distortion.
        severities: of the same distortion, higher for stronger; -inf for what is equal to the original.
        originals: row of each one's original.
        sets: the rows of the same picture with the same distortion have the same number.
    """

    features: Features
    intact: NDArray[np.float32]
    known: NDArray[np.bool_]
    groups: NDArray[np.object_]
    types: Indices
    levels: NDArray[np.float32]
    severities: NDArray[np.float32]
    originals: Indices
    sets: Indices

    def __len__(self) -> int:
        return len(self.features)

    def without(self, groups: set[Any]) -> Indices:
        """The rows of all but these groups."""
        return np.flatnonzero([group not in groups for group in self.groups])


def distorted_set(features: Features, table: pd.DataFrame) -> Distorted:
    """Of rows with group, picture, distortion, level and vsi, the originals (level 0) among them.

    `picture` names what was distorted: an original and a size of it.
    """
    table = table.reset_index(drop=True)
    distortion, vsi = table["distortion"], table["vsi"].to_numpy(np.float64)
    original = (distortion == ORIGINAL).to_numpy()
    names = sorted(set(distortion[~original]))
    strength = np.array([_severity(*row) for row in zip(distortion, table["level"], strict=True)], np.float32)
    of = {name: row for row, name in table["picture"][original].items()}
    return Distorted(
        features,
        (np.searchsorted(np.sort(vsi), vsi) / len(vsi)).astype(np.float32),
        ~original & (vsi <= UNHARMED),
        table["group"].to_numpy(object),
        np.array([-1 if name == ORIGINAL else names.index(name) for name in distortion], np.intp),
        np.array([_level(*row) for row in zip(distortion, table["level"], strict=True)], np.float32),
        np.where(vsi > IDENTICAL, -np.inf, strength).astype(np.float32),
        np.array([of[name] for name in table["picture"]], np.intp),
        np.asarray(table.groupby(["picture", "distortion"]).ngroup(), np.intp),
    )


def _severity(distortion: str, level: int) -> float:
    if distortion in NUMBERS:
        return float(severity(DISTORTIONS[NUMBERS[distortion] - 1], level))
    return -float(level)  # a codec's quality


def _level(distortion: str, level: int) -> float:
    return (level - 3) / 2 if distortion in NUMBERS else level / CODEC_STEP - 1
