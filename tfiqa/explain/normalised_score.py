"""FLIVE's scores spread over 0..100, and the words for them, as PaQ-2-PiQ's authors publish them.

Nearly all of FLIVE's scores lie between 45 and 85. The authors' code maps them to the whole of 0..100 and names fifths of it.
The paper (Z. Ying et al., "From Patches to Pictures (PaQ-2-PiQ): Mapping the Perceptual Space of Picture Quality", CVPR 2020)
does not mention this; there are two versions of it in the authors' repositories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import InvalidInput
from tfiqa.models.model_info import ModelInfo
from tfiqa.models.paq2piq import SCALE

CATEGORIES = ("Bad", "Poor", "Fair", "Good", "Excellent")  # fifths of 0..100


@dataclass(frozen=True)
class Normalisation:
    """A map of scores to 0..100, linear on either side of the commonest score, which stays what it is.

    Args:
        peak: the commonest score.
        deviation_below, deviation_above: of the scores on either side of it.
        deviations: how many of these reach to 0 and to 100.
        highest: what is above is cut off there, and what is below 0 at 0.
    """

    peak: float
    deviation_below: float
    deviation_above: float
    deviations: float
    highest: float

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Scores of pictures or places, of any shape, FLIVE MOS, to 0..`highest`, float64."""
        away = np.asarray(scores, np.float64) - self.peak
        below = self.peak * away / (self.deviations * self.deviation_below)
        above = (100 - self.peak) * away / (self.deviations * self.deviation_above)
        return np.clip(self.peak + np.where(away < 0, below, above), 0, self.highest)


# The peak and the deviations are the authors', of their model's scores. Of the first version they publish scores of pictures, of
# the second also those of places.
NORMALISATIONS = {
    "paq2piq": Normalisation(72.59696108881171, 7.798274017370107, 4.118047289170692, 4, 100.0),
    "fastiqa": Normalisation(72.0, 7.798274017370107, 4.118047289170692, 3.5, 99.9),
}


def normalisation_of(info: ModelInfo, version: str = "paq2piq") -> Normalisation | None:
    """The version "paq2piq" or "fastiqa" for a model that scores on FLIVE's scale; None for any other model.

    Raises InvalidInput for another version.
    """
    if version not in NORMALISATIONS:
        raise InvalidInput(f"scores are normalised as by {' or '.join(NORMALISATIONS)}. Received: {version!r}")
    return NORMALISATIONS[version] if info.scale == SCALE else None


def category(normalised: float) -> str:
    """The word for a normalised score; 100 belongs to the highest fifth, where the authors' code has no word for it."""
    return CATEGORIES[min(int(normalised // 20), len(CATEGORIES) - 1)]
