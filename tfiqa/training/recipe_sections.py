"""The sections of a recipe, each checked by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tfiqa.databases.pairs import LABELS
from tfiqa.errors import RecipeError
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.images.resize import parse_policy
from tfiqa.losses.multitask import LOSSES
from tfiqa.losses.pair_settings import DIVERGENCES
from tfiqa.registry import unknown_name

FRACTION_SUM_TOLERANCE = 1e-6
SEEDS = 2**32  # NumPy's seeds, which Keras uses too


def _choice(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise RecipeError(unknown_name(what, str(value), allowed))


def _at_least(what: str, value: float, low: float) -> None:
    if not value >= low:
        raise RecipeError(f"{what} is at least {low:g}. Received: {value}")


@dataclass(frozen=True)
class ModelSection:
    """Which model.

    Args:
        name: registered name.
        weights: null, "imagenet", or a `.keras` or `.weights.h5` file to start from.
        options: the builder's options, such as `backbone`.
    """

    name: str
    weights: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSection:
    """How a picture becomes training crops.

    Args:
        resize: policy before cropping, and of the trained model from then on; null takes the model's own.
        train_resize: policy before cropping alone, where pictures are scored by another one.
        crop: the random crop in pixels: a side of a square, or "WIDTHxHEIGHT".
        crops_per_picture: random crops of each picture in one epoch.
        grid: train on every patch that the model cuts of a picture to score it, each once an epoch, in place of random crops.
        flip: mirror half of the crops.
        on_bad_picture: "stop" before training, or "skip" it and list it in the run's `skipped.csv`.
        max_pixels: larger pictures count as bad.
        equalize: train on histogram-equalised targets, fitted on the pictures to train on; for full-reference measures.
        rescale: turn each manifest's scores so that higher is better and bring them to 0..100, by the lowest and highest score
            to train on, so that manifests of different scales can be joined; pairs do it by themselves.
        boxes: train on the scores of boxes in the pictures too (columns `boxes` and `box_scores`), which need the whole picture
            in each crop.
        scenes: where a model that learns scene_0, scene_1, ... has them from: "columns" of the manifest, or "cluster", types of
            scenes that are found in the pictures to train on (`features.scenes`).
    """

    resize: str | None = None
    train_resize: str | None = None
    crop: int | str = 224
    crops_per_picture: int = 1
    grid: bool = False
    flip: bool = False
    on_bad_picture: str = "stop"
    max_pixels: int = DEFAULT_MAX_PIXELS
    equalize: bool = False
    rescale: bool = False
    boxes: bool = False
    scenes: str = "columns"

    def __post_init__(self) -> None:
        for policy in (self.resize, self.train_resize):
            if policy is not None:
                parse_policy(policy)
        _at_least("data.crop", min(self.crop_size), 32)
        _at_least("data.crops_per_picture", self.crops_per_picture, 1)
        _at_least("data.max_pixels", self.max_pixels, 1)
        _choice("data.on_bad_picture", self.on_bad_picture, ("stop", "skip"))
        _choice("data.scenes", self.scenes, ("columns", "cluster"))

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of the crop."""
        if isinstance(self.crop, int):
            return self.crop, self.crop
        sides = re.fullmatch(r"(\d{1,5})x(\d{1,5})", self.crop)
        if not sides:
            raise RecipeError(f"data.crop is a number or WIDTHxHEIGHT, such as 512x384. Received: {self.crop!r}")
        return int(sides[2]), int(sides[1])


@dataclass(frozen=True)
class SplitSection:
    """Fractions of the pictures, used where the manifest has no `split` column; groups stay together.

    With `validation` 0 there is no best epoch to choose, and the last one is kept, unless `validation.chosen_on` is "test".
    """

    train: float = 0.7
    validation: float = 0.1
    test: float = 0.2
    seed: int = 1

    def __post_init__(self) -> None:
        for name, fraction in self.fractions().items():
            _at_least(f"split.{name}", fraction, 0)
        if self.train == 0:
            raise RecipeError("split.train is above 0. Received: 0")
        if abs(sum(self.fractions().values()) - 1) > FRACTION_SUM_TOLERANCE:
            raise RecipeError(f"split fractions sum to 1. Received: {self.fractions()}")

    def fractions(self) -> dict[str, float]:
        """The three fractions by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class TrainingSection:
    """The optimisation.

    Args:
        epochs: in all, the frozen ones included.
        batch_size: crops per step; of losses of pairs, pairs.
        frozen_epochs: first epochs in which only the model's head trains; the optimiser starts afresh after them.
        frozen_batch_size: of the frozen epochs; null takes `batch_size`.
        frozen_batch_norm: what batch normalisation does while frozen: "inference" (running statistics, unchanged) or "update"
            (batch statistics, and the running ones follow), as PyTorch code in train mode does.
        optimizer: "adam" or "adamw"; the first beta is .9.
        beta_2: the optimiser's second beta.
        epsilon: the optimiser's epsilon; 1e-8 is PyTorch's default.
        weight_decay: decoupled decay of "adamw"; "adam" has none.
        l2: this much of each trained weight is added to its gradient, as PyTorch's Adam understands weight decay; "adam" alone.
        learning_rate: of the first epoch.
        head_learning_rate: that of the model's head, all through in the same ratio to `learning_rate`; null takes the same.
        decay_every: epochs between two multiplications by `decay_factor`; 0 for none.
        decay_factor: see `decay_every`.
        decay_restarts: begin again with `learning_rate` after the frozen epochs, and count from there.
        precision: "float32", "bfloat16" (refused where the processor lacks it), or "auto".
        seed: of the fresh weights, the order and the crops.
        deterministic: ask TensorFlow for reproducible operations; needed for a resumed run to equal an uninterrupted one.
        keep_checkpoints: how many of the newest stay on disk.
    """

    epochs: int = 30
    batch_size: int = 16
    frozen_epochs: int = 0
    frozen_batch_size: int | None = None
    frozen_batch_norm: str = "inference"
    optimizer: str = "adam"
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    l2: float = 0.0
    learning_rate: float = 1e-3
    head_learning_rate: float | None = None
    decay_every: int = 0
    decay_factor: float = 0.1
    decay_restarts: bool = False
    precision: str = "float32"
    seed: int = 1
    deterministic: bool = True
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "keep_checkpoints"):
            _at_least(f"training.{name}", getattr(self, name), 1)
        if self.frozen_batch_size is not None:
            _at_least("training.frozen_batch_size", self.frozen_batch_size, 1)
        for name in ("frozen_epochs", "decay_every", "weight_decay", "l2", "seed"):
            _at_least(f"training.{name}", getattr(self, name), 0)
        for name in ("learning_rate", "head_learning_rate", "epsilon", "decay_factor"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise RecipeError(f"training.{name} is above 0. Received: {value}")
        if not 0 <= self.beta_2 < 1:
            raise RecipeError(f"training.beta_2 is from 0 to below 1. Received: {self.beta_2}")
        if self.seed >= SEEDS:
            raise RecipeError(f"training.seed is below {SEEDS}. Received: {self.seed}")
        if self.frozen_epochs > self.epochs:
            raise RecipeError(
                f"training.frozen_epochs is at most training.epochs ({self.epochs}). Received: {self.frozen_epochs}"
            )
        _choice("training.frozen_batch_norm", self.frozen_batch_norm, ("inference", "update"))
        _choice("training.optimizer", self.optimizer, ("adam", "adamw"))
        if self.weight_decay > 0 and self.optimizer != "adamw":
            raise RecipeError("training.weight_decay needs training.optimizer: adamw")
        if self.l2 > 0 and self.optimizer != "adam":
            raise RecipeError("training.l2 needs training.optimizer: adam")
        if self.l2 > 0 and self.head_learning_rate is not None:
            raise RecipeError("training.l2 goes with one learning rate for all weights; take weight_decay with adamw")
        _choice("training.precision", self.precision, ("float32", "bfloat16", "auto"))

    def learning_rate_of(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0 over the whole run."""
        since = epoch - self.frozen_epochs if self.decay_restarts and epoch >= self.frozen_epochs else epoch
        steps = since // self.decay_every if self.decay_every else 0
        return self.learning_rate * self.decay_factor**steps

    def batch_size_of(self, epoch: int) -> int:
        """The batch size of an epoch, counted from 0."""
        return self.frozen_batch_size or self.batch_size if epoch < self.frozen_epochs else self.batch_size


@dataclass(frozen=True)
class LossSection:
    """The loss: a registered name and the weight of each trained output (see `losses.multitask.check_loss`); or, of pairs of
    pictures, one of `losses.pair_settings.DIVERGENCES`, which the section `pairs` goes with."""

    name: str = "l1"
    weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _choice("loss", self.name, (*LOSSES.names(), *DIVERGENCES))


@dataclass(frozen=True)
class PairsSection:
    """Pairs of pictures to learn a ranking from, each within one database; every manifest is one.

    Args:
        labels: "thurstone", the probability that the first looks better from scores and deviations (`score_std`); "binary", 1,
            1/2 or 0 by the scores alone, which teaches no deviations.
        count: pairs of each database in an epoch, all where it has fewer; databases that UNIQUE was trained on have its numbers.
        counts: pairs of a database, by its name.
        hinge, margin: see `losses.pair_settings.PairSettings`; binary labels have no hinge.
        attached: as there; null attaches where there is no hinge, since nothing else would teach the deviations.
    """

    labels: str = "thurstone"
    count: int = 20_000
    counts: dict[str, int] = field(default_factory=dict)
    hinge: float = 1.0
    margin: float = 0.025
    attached: bool | None = None

    def __post_init__(self) -> None:
        _choice("pairs.labels", self.labels, LABELS)
        for name, count in {
            "pairs.count": self.count,
            **{f"pairs.counts.{k}": v for k, v in self.counts.items()},
        }.items():
            _at_least(name, count, 1)
        for name in ("hinge", "margin"):
            _at_least(f"pairs.{name}", getattr(self, name), 0)


@dataclass(frozen=True)
class ValidationSection:
    """How pictures are scored during and after training.

    Args:
        batch_size: patches in one pass through the network.
        resize: resize policy of the validation pictures; null takes the model's own, as the test pictures always do.
        stride: patch stride while choosing the best epoch; null takes the model's own. Final reports always use the model's own.
        within: a column of the manifest, such as `scene`, in whose groups alone scores compare: the epoch is chosen by the mean
            SRCC within them, and reports tell it too; null compares all pictures.
        chosen_on: which pictures choose the epoch: "validation"; or "test", as in papers that have no others, which makes the
            figures on them optimistic.
    """

    batch_size: int = 32
    resize: str | None = None
    stride: int | None = None
    within: str | None = None
    chosen_on: str = "validation"

    def __post_init__(self) -> None:
        if self.resize is not None:
            parse_policy(self.resize)
        _at_least("validation.batch_size", self.batch_size, 1)
        if self.stride is not None:
            _at_least("validation.stride", self.stride, 1)
        _choice("validation.chosen_on", self.chosen_on, ("validation", "test"))
