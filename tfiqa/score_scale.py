"""What a score means: its range, its direction and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import InvalidInput


@dataclass(frozen=True)
class ScoreScale:
    """The scale of a model's, measure's or database's scores.

    Args:
        low: lowest possible score, or None when unbounded or unknown.
        high: highest possible score, or None.
        higher_is_better: False for DMOS and for error measures.
        unit: what is measured and by whom, such as "SPAQ MOS".
    """

    low: float | None
    high: float | None
    higher_is_better: bool
    unit: str

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise InvalidInput(f"a score scale needs low < high. Received: {self.low} and {self.high}")

    def oriented(self, scores: ArrayLike) -> NDArray[np.float64]:
        """The scores with a sign such that higher is better (negated where lower is better), float64."""
        values = np.asarray(scores, np.float64)
        return values if self.higher_is_better else -values

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary that `from_dict` takes back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScoreScale:
        """The scale that `to_dict` wrote."""
        return cls(**values)

    def __str__(self) -> str:
        bounds = "" if self.low is None and self.high is None else f" {_bound(self.low)} to {_bound(self.high)}"
        return f"{self.unit}{bounds}, {'higher' if self.higher_is_better else 'lower'} is better"


def _bound(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:g}"
