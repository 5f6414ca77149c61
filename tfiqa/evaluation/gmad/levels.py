"""The levels of quality at which a defender is attacked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.gmad.player import Player

LEVELS = 6  # as in the authors' code
MOST_LEVELS = 100  # each is then 1 % of the range: nobody looks at more, and reports have a line for each
# Two pictures of a level then differ by 4 % of the range at most by the defender. On a 0..100 scale of opinions that is
# less than the 95 % interval of a mean of 20 people's (about 7 points either way for a deviation of 16), so that the defender
# cannot be excused by the difference. The authors' code takes 9 points, within which pictures differ by more than one level.
TOLERANCE = 2.0
SPACINGS = ("range", "quantiles")


@dataclass(frozen=True)
class LevelRule:
    """How the levels lie.

    Args:
        levels: how many, from low to high quality; `MOST_LEVELS` at most.
        tolerance: half the width of a level, in per cent: of the range of the defender's scores, or for quantiles of the
            pictures. Above 50 / levels neighbours overlap.
        spacing: "range", as in the authors' code: the range from the lowest to the highest score is divided equally and a
            level's centre lies in the middle of its part. "quantiles": the same with shares of the pictures in place of
            scores, which a few outliers cannot stretch.

    Raises InvalidInput for values out of place.
    """

    levels: int = LEVELS
    tolerance: float = TOLERANCE
    spacing: str = "range"

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= MOST_LEVELS or not 0 <= self.tolerance <= 100 or self.spacing not in SPACINGS:
            raise InvalidInput(
                f"levels must be 1 to {MOST_LEVELS}, the tolerance 0..100 per cent and the spacing one of "
                f"{', '.join(SPACINGS)}. Received: {self.levels}, {self.tolerance}, {self.spacing}"
            )


@dataclass(frozen=True, eq=False)
class Level:
    """Pictures that a defender holds to be of nearly equal quality.

    Args:
        number: 1 for the lowest quality.
        centre, low, high: on the defender's own scale; low < high as numbers.
        members: (M,) places of the pictures between low and high, both included, in ascending order.
    """

    number: int
    centre: float
    low: float
    high: float
    members: NDArray[np.intp]


def levels_of(defender: Player, rule: LevelRule) -> list[Level]:
    """The defender's levels from low to high quality; some may have no picture."""
    centres = (np.arange(rule.levels) + 0.5) / rule.levels
    edges = np.stack([centres - rule.tolerance / 100, centres, centres + rule.tolerance / 100])
    if rule.spacing == "quantiles":
        edges = np.quantile(defender.ascending, np.clip(edges, 0, 1))
    else:
        worst, best = defender.ascending[[0, -1]]
        edges = worst * (1 - edges) + best * edges  # exact at both ends
    starts = np.searchsorted(defender.ascending, edges[0], "left")
    stops = np.searchsorted(defender.ascending, edges[2], "right")
    levels = []
    for number, (start, stop, values) in enumerate(zip(starts, stops, edges.T, strict=True), start=1):
        low, centre, high = sorted(map(defender.own, values))
        levels.append(Level(number, centre, low, high, np.sort(defender.order[start:stop])))
    return levels
