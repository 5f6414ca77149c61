"""What decides the loss of pairs of pictures; known before Keras is loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tfiqa.errors import UnknownName
from tfiqa.registry import unknown_name

DIVERGENCES = ("fidelity", "cross_entropy")


@dataclass(frozen=True)
class PairSettings:
    """The settings of `losses.ranking.PairLoss`; the defaults are UNIQUE's (Zhang et al., TIP 2021, section IV-A).

    Args:
        divergence: one of DIVERGENCES, between the predicted and the true probability that the first looks better.
        hinge: weight of the hinge on the deviations, lambda in equation 5; 0 leaves it out (table V).
        margin: of the hinge, xi in equation 4.
        attached: whether the divergence teaches the deviations too; see `losses.ranking.thurstone_margin`.
    """

    divergence: str = "fidelity"
    hinge: float = 1.0
    margin: float = 0.025
    attached: bool = False

    def __post_init__(self) -> None:
        if self.divergence not in DIVERGENCES:
            raise UnknownName(unknown_name("pair loss", str(self.divergence), DIVERGENCES))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return asdict(self)
