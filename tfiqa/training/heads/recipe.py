"""The recipe of regression heads: everything that decides their training, checked before TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

from tfiqa.errors import RecipeError
from tfiqa.registry import unknown_name
from tfiqa.training.recipe_sections import SEEDS, SplitSection

KINDS = ("network", "svr")


@dataclass(frozen=True)
class HeadSection:
    """Which head.

    Args:
        kind: "network", fully connected layers (`models.deepfl.quality_head`); or "svr", support-vector regression with a
            radial kernel.
        batch_normalization: after the ReLU of each hidden layer of the network, as in the authors' code; false for none, as in
            the paper.
    """

    kind: str = "network"
    batch_normalization: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise RecipeError(unknown_name("head.kind", self.kind, KINDS))


@dataclass(frozen=True)
class HeadSplitSection(SplitSection):
    """The splits; groups stay together.

    Args:
        train, validation, test: shares of the pictures.
        seed: of the first split; the others take the numbers after it.
        repeats: how many splits, each with a head of its own.
        from_manifest: take the manifest's column `split` in every repeat, which then differ in the seed of training alone;
            without it, that column is not looked at.
    """

    train: float = 0.6
    validation: float = 0.2
    test: float = 0.2
    repeats: int = 100
    from_manifest: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, share in self.fractions().items():
            if not share > 0:
                raise RecipeError(f"split.{name} is above 0. Received: {share}")
        _at_least_one("split.repeats", self.repeats)


@dataclass(frozen=True)
class SearchSection:
    """What is tried; the least error on validation pictures decides.

    Args:
        splits: the first so many splits try everything, and what has the least median validation loss in them holds for all;
            0: every split tries everything and decides for itself, as in the paper.
        learning_rates: of the network.
        costs: C of support-vector regression, for scores of unit variance on the training pictures.
        gammas: of its kernel exp(-gamma d^2 / F), d the distance of F features of unit variance on the training pictures.
        epsilons: half the width of its tube, in standard deviations of the scores.
    """

    splits: int = 5
    learning_rates: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # section V.B
    # Steps of four, as in C.-W. Hsu, C.-C. Chang, C.-J. Lin, "A practical guide to support vector classification", 2003,
    # about scikit-learn's defaults: C = 1, gamma = 1 / F, epsilon = .1.
    costs: tuple[float, ...] = (1.0, 4.0, 16.0, 64.0)
    gammas: tuple[float, ...] = (0.0625, 0.25, 1.0, 4.0)
    epsilons: tuple[float, ...] = (0.1,)

    def __post_init__(self) -> None:
        if self.splits < 0:
            raise RecipeError(f"search.splits is at least 0. Received: {self.splits}")
        for name in ("learning_rates", "costs", "gammas", "epsilons"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values) or not min(values) > 0:
                raise RecipeError(f"search.{name} are different numbers above 0. Received: {list(values)}")


@dataclass(frozen=True)
class HeadTrainingSection:
    """The optimisation of the network: Adam with Keras' defaults (betas .9 and .999) on the mean square error.

    Args:
        epochs: the best of them by validation loss is kept.
        batch_size: 128 in the authors' code, 64 in the paper.
        seed: of the first repeat's fresh weights, order and dropout; the others take the numbers after it.
    """

    epochs: int = 30
    batch_size: int = 128
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            _at_least_one(f"training.{name}", getattr(self, name))
        if self.seed < 0:
            raise RecipeError(f"training.seed is at least 0. Received: {self.seed}")


@dataclass(frozen=True)
class HeadRecipe:
    """A whole run. See the sections."""

    head: HeadSection
    split: HeadSplitSection = field(default_factory=HeadSplitSection)
    search: SearchSection = field(default_factory=SearchSection)
    training: HeadTrainingSection = field(default_factory=HeadTrainingSection)

    def __post_init__(self) -> None:
        if self.training.seed + self.split.repeats > SEEDS:
            raise RecipeError(f"training.seed + split.repeats is at most {SEEDS}. Received: {self.training.seed}")

    @property
    def settings(self) -> tuple[dict[str, float], ...]:
        """What is tried, by name."""
        search = self.search
        if self.head.kind == "network":
            return tuple({"learning_rate": rate} for rate in search.learning_rates)
        combinations = product(search.costs, search.gammas, search.epsilons)
        return tuple(dict(zip(("cost", "gamma", "epsilon"), values, strict=True)) for values in combinations)

    def to_dict(self) -> dict[str, Any]:
        """Every setting, resolved."""
        return asdict(self)


HEAD_SECTIONS: Mapping[str, type] = {
    "head": HeadSection,
    "split": HeadSplitSection,
    "search": SearchSection,
    "training": HeadTrainingSection,
}


def _at_least_one(what: str, value: int) -> None:
    if value < 1:
        raise RecipeError(f"{what} is at least 1. Received: {value}")
