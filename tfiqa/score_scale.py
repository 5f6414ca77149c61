"""What a score means: its range, its direction and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import InvalidInput

# From the worst fifth of a scale to the best: the grades of ITU-T P.910's absolute category rating and of ITU-R BT.500.
WORDS = ("bad", "poor", "fair", "good", "excellent")


@dataclass(frozen=True)
class ScoreScale:
    """The scale of a model's, measure's or database's scores.

    Args:
        low: lowest possible score, or None when unbounded or unknown.
        high: highest possible score, or None.
        higher_is_better: False for DMOS and for error measures.
        unit: what is measured and by whom, such as "SPAQ MOS".
        words: whether a score row tells the score in one of five words too, see `word`; of scales with both ends.
    """

    low: float | None
    high: float | None
    higher_is_better: bool
    unit: str
    words: bool = False

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise InvalidInput(f"a score scale needs low < high. Received: {self.low} and {self.high}")
        if self.words and (self.low is None or self.high is None):
            raise InvalidInput(f"words are for fifths of a scale with both ends. Received: {self.low} and {self.high}")

    def oriented(self, scores: ArrayLike) -> NDArray[np.float64]:
        """The scores with a sign such that higher is better (negated where lower is better), float64."""
        values = np.asarray(scores, np.float64)
        return values if self.higher_is_better else -values

    def word(self, score: float) -> str:
        """The one of WORDS for the fifth of the scale that a score lies in.

        Where two fifths meet, the better one counts; beyond the ends, the outermost. On a scale from 0 to 100, higher is better,
        "bad" ends at 20, "poor" at 40, "fair" at 60 and "good" at 80.

        Raises InvalidInput for a scale without both ends.
        """
        if self.low is None or self.high is None:
            raise InvalidInput(f"there are no words for scores without bounds: {self}")
        goodness = (score - self.low if self.higher_is_better else self.high - score) / (self.high - self.low)
        return WORDS[sum(goodness >= step / len(WORDS) for step in range(1, len(WORDS)))]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary that `from_dict` takes back."""
        values = asdict(self)
        if not self.words:  # files and checksums of such scales stay what they were before there were words
            del values["words"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScoreScale:
        """The scale that `to_dict` wrote."""
        return cls(**values)

    def __str__(self) -> str:
        bounds = "" if self.low is None and self.high is None else f" {_bound(self.low)} to {_bound(self.high)}"
        return f"{self.unit}{bounds}, {'higher' if self.higher_is_better else 'lower'} is better"


def _bound(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:g}"
