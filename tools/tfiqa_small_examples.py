"""What the networks of `tfiqa_small` learn from: the pictures made of others, beside the rated photographs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from measure_artificial import severity
from numpy.typing import NDArray
from phone_damage import KINDS
from tfiqa_small_data import Features, Indices
from tfiqa_small_material import ORIGINAL, PHONE_LEVELS, PROCESSED
from tfiqa_small_people import Photographs

from tfiqa.distortions import DISTORTIONS, NUMBERS
from tfiqa.models.tfiqa_small import LOWEST, RANGE

UNHARMED, IDENTICAL = 0.9985, 0.99999  # VSI above which nobody sees a difference, or there is none
CODEC_STEP = 30.0  # of their quality, 1..60, is as much as one of -1..1 is of a distortion's level
# A phone's damage leaves at most so much of 0..1 intact, from its least to its most; VSI, blind to light, often says more.
PHONE_BEST, PHONE_WORST = 0.75, 0.15
PHOTOGRAPH, COPY, PRISTINE, DISTORTED, PHONE = range(
    5
)  # roles: rated, processed, undistorted, by the types or codecs, as by phones


@dataclass(frozen=True)
class Examples:
    """Pictures. NaN where nothing is known of one.

    Args:
        features: (N, D).
        roles: of PHOTOGRAPH, COPY, PRISTINE, DISTORTED, PHONE.
        groups: what each was made of; near-duplicates have the same.
        intact: 0..1; rank of the distorted pictures' VSI; at most what a phone's damage leaves; of photographs by people's score.
        photographed: 1 as photographed, 0 artificially distorted.
        types: number of the distortion, -1 for others.
        levels: -1..1, the strength of the distortion, where there is a type.
        severities: of the same distortion or damage, higher for stronger; -inf for what is equal to the original.
        originals: row of each one's original, -1 without one.
        sets: the rows of the same picture with the same distortion have the same number.
    """

    features: Features
    roles: Indices
    groups: NDArray[np.object_]
    intact: NDArray[np.float32]
    photographed: NDArray[np.float32]
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


def examples(features: Features, table: pd.DataFrame, photographs: Photographs) -> Examples:
    """The material (columns group, picture, distortion, level and vsi), then the rated photographs, whole and smaller.

    Args:
        features: of the material, (N, D).
        table: the material. `picture` names what was distorted: an original and a size of it.
        photographs: the rated ones.
    """
    parts = _made(features, table.reset_index(drop=True)), _rated(photographs)
    return Examples(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Examples)))


def _made(features: Features, table: pd.DataFrame) -> Examples:
    distortion, level, vsi = table["distortion"], table["level"].to_numpy(), table["vsi"].to_numpy(np.float64)
    roles = np.select(
        [distortion == ORIGINAL, distortion == PROCESSED, distortion.isin(list(KINDS))],
        [PRISTINE, COPY, PHONE],
        DISTORTED,
    )
    typed = roles == DISTORTED
    names = sorted(set(distortion[typed]))
    ranked = np.sort(vsi[typed | (roles == PRISTINE)])
    intact = np.where(roles == COPY, np.nan, np.searchsorted(ranked, vsi) / len(ranked))
    left = PHONE_BEST + (PHONE_WORST - PHONE_BEST) * level / PHONE_LEVELS
    photographed = np.select([typed & (vsi <= UNHARMED), typed | (roles == PHONE)], [0.0, np.nan], 1.0)
    severities = np.array([_severity(*row) for row in zip(distortion, level, strict=True)])
    of = {name: row for row, name in table["picture"][roles == PRISTINE].items()}
    return Examples(
        features,
        roles,
        table["group"].to_numpy(object),
        np.where(roles == PHONE, np.minimum(intact, left), intact).astype(np.float32),
        photographed.astype(np.float32),
        np.array([names.index(name) if name in names else -1 for name in distortion], np.intp),
        np.array([_level(*row) for row in zip(distortion, level, strict=True)], np.float32),
        np.where(vsi > IDENTICAL, -np.inf, severities).astype(np.float32),
        np.array([of.get(name, -1) for name in table["picture"]], np.intp),
        np.asarray(table.groupby(["picture", "distortion"]).ngroup(), np.intp),
    )


def _rated(photographs: Photographs) -> Examples:
    count = 2 * len(photographs.scores)
    intact = np.clip((np.tile(photographs.scores, 2) - LOWEST) / RANGE, 0, 1)  # as it is turned into the score
    none = np.full(count, -1, np.intp)
    return Examples(
        np.concatenate([photographs.full, photographs.reduced]),
        np.full(count, PHOTOGRAPH, np.intp),
        np.tile(photographs.groups, 2),
        intact.astype(np.float32),
        np.ones(count, np.float32),
        none,
        np.zeros(count, np.float32),
        np.full(count, -np.inf, np.float32),
        none,
        none,
    )


def _severity(distortion: str, level: int) -> float:
    if distortion in NUMBERS:
        return float(severity(DISTORTIONS[NUMBERS[distortion] - 1], level))
    return float(level if distortion in KINDS else -level)  # a codec's quality


def _level(distortion: str, level: int) -> float:
    return (level - 3) / 2 if distortion in NUMBERS else level / CODEC_STEP - 1
