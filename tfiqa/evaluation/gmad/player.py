"""One competitor: a name and its scores of all pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Player:
    """A model in the competition.

    Args:
        name: as reports call it.
        scores: (N,) float64 as the model gives them, on any scale, of all pictures.
        higher_is_better: their direction.

    Raises:
        InvalidInput: fewer than two pictures, scores that are not finite, or all alike.
    """

    name: str
    scores: NDArray[np.float64]
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        if len(self.scores) < 2:
            raise InvalidInput(f"a competition needs at least 2 pictures. {self.name} has scores of {len(self.scores)}")
        bad = np.count_nonzero(~np.isfinite(self.scores))
        if bad:
            raise InvalidInput(f"{bad} of {len(self.scores)} scores by {self.name} are not finite")
        if (self.scores == self.scores[0]).all():
            raise InvalidInput(
                f"{self.name} gives all {len(self.scores)} pictures the same score, {self.scores[0]:g}; it can neither attack "
                "nor defend"
            )

    @cached_property
    def quality(self) -> NDArray[np.float64]:
        """(N,) the scores with a sign such that higher is better."""
        return self.scores if self.higher_is_better else -self.scores

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """(N,) the pictures from worst to best."""
        return np.argsort(self.quality, kind="stable")

    @cached_property
    def ascending(self) -> NDArray[np.float64]:
        """(N,) `quality` in ascending order."""
        return self.quality[self.order]

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of the scores over all pictures."""
        return float(np.std(self.scores))

    def percentile(self, quality: NDArray[np.float64]) -> NDArray[np.float64]:
        """How many per cent of the pictures are worse than each value of `quality`; equal ones count half."""
        below, up_to = (np.searchsorted(self.ascending, quality, side) for side in ("left", "right"))
        return (below + up_to) * 50 / len(self.ascending)

    def own(self, quality: float) -> float:
        """A value of `quality` on the player's own scale."""
        return float(quality) if self.higher_is_better else -float(quality)
