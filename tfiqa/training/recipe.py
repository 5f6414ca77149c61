"""The recipe: everything that decides a training run, checked before TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from tfiqa.errors import InvalidInput, RecipeError
from tfiqa.features.scenes.layout import scene_columns
from tfiqa.losses.multitask import SCENES, check_loss
from tfiqa.losses.pair_settings import DIVERGENCES, PairSettings
from tfiqa.models.backbones.mlsp_taps import smallest_side
from tfiqa.models.deepfl import MEASURES
from tfiqa.models.model_info import ModelSpec, model_spec
from tfiqa.models.with_uncertainty import HEAD
from tfiqa.training.recipe_sections import (
    DataSection,
    LossSection,
    ModelSection,
    PairsSection,
    SplitSection,
    TrainingSection,
    ValidationSection,
)


@dataclass(frozen=True)
class Recipe:
    """A whole run. See the sections."""

    model: ModelSection
    data: DataSection = field(default_factory=DataSection)
    split: SplitSection = field(default_factory=SplitSection)
    training: TrainingSection = field(default_factory=TrainingSection)
    loss: LossSection = field(default_factory=LossSection)
    pairs: PairsSection = field(default_factory=PairsSection)
    validation: ValidationSection = field(default_factory=ValidationSection)

    def __post_init__(self) -> None:
        if not self.spec.targets:
            raise RecipeError(f"model {self.model.name} has nothing to train against")
        self._check_loss()
        least = smallest_side(self.model.options.get("body", getattr(self.spec.options, "body", "")))
        if min(self.data.crop_size) < least:
            raise RecipeError(f"data.crop: {self.model.name} takes sides from {least}. Received: {self.data.crop}")
        if self.data.equalize and not set(self.target_columns) <= set(MEASURES):
            raise RecipeError(f"data.equalize is for full-reference measures; {self.model.name} learns opinion scores")
        if self.data.rescale and set(self.spec.targets) != {"quality"}:
            raise RecipeError(f"data.rescale is for a model of quality alone; {self.model.name} learns more")
        if self.clustered_columns != scene_columns(len(self.clustered_columns)):
            raise RecipeError(f"data.scenes: {self.model.name} has named scenes, which no clustering can tell")
        if self.data.boxes:
            self._check_boxes()
        if self.data.grid:
            self._check_grid()

    def _check_boxes(self) -> None:
        if self.spec.boxes is None:
            raise RecipeError(f"data.boxes: {self.model.name} takes no boxes")
        if self.loss.name not in ("mse", "l1") or self.data.rescale:
            raise RecipeError(
                f"data.boxes goes with loss.name mse or l1 and scores of one scale. Received: {self.loss.name}"
            )
        if self.loss.weights:
            raise RecipeError(
                f"data.boxes counts each picture and box alike, without loss.weights: {self.loss.weights}"
            )

    def _check_grid(self) -> None:
        patch = self.spec.protocol.patch_size
        if patch is None:
            raise RecipeError(f"data.grid: {self.model.name} takes whole pictures, not patches")
        if self.data.crop_size != (patch, patch):
            raise RecipeError(
                f"data.grid: the patches of {self.model.name} are data.crop={patch}. Received: {self.data.crop}"
            )
        if self.learns_pairs or self.data.boxes or self.data.crops_per_picture != 1:
            raise RecipeError(
                "data.grid goes with losses of single pictures, without boxes, and with crops_per_picture 1"
            )

    def _check_loss(self) -> None:
        if self.learns_pairs:
            if self.loss.weights:
                raise RecipeError(
                    f"loss {self.loss.name} has no weights but pairs.hinge. Received: {self.loss.weights}"
                )
            if self.data.crops_per_picture != 1:
                raise RecipeError("data.crops_per_picture goes with losses of single pictures; take more pairs instead")
            return
        if "uncertainty" in self.spec.columns and "distribution" not in self.spec.targets:
            raise RecipeError(
                f"loss {self.loss.name} teaches no uncertainty; take loss.name={DIVERGENCES[0]}, or "
                "model.options.uncertainty=false"
            )
        try:
            check_loss(self.loss.name, tuple(self.spec.targets), self.loss.weights)
        except (InvalidInput, TypeError) as error:
            raise RecipeError(str(error)) from error

    @property
    def learns_pairs(self) -> bool:
        """Whether the model learns from pairs of pictures."""
        return self.loss.name in DIVERGENCES

    @property
    def training_resize(self) -> str:
        """The resize policy before cropping."""
        return self.data.train_resize or self.scoring_resize

    @property
    def scoring_resize(self) -> str:
        """The resize policy of the trained model."""
        return self.data.resize or self.spec.protocol.resize

    @property
    def joins_scales(self) -> bool:
        """Whether manifests of different scales train together, each database's scores re-scaled."""
        return self.learns_pairs or self.data.rescale

    @property
    def pair_settings(self) -> PairSettings:
        """The loss of pairs, resolved."""
        hinge = self.pairs.hinge if self.pairs.labels == "thurstone" else 0.0
        attached = not hinge if self.pairs.attached is None else self.pairs.attached
        return PairSettings(self.loss.name, hinge, self.pairs.margin, attached)

    @cached_property
    def spec(self) -> ModelSpec:
        """The specification of the recipe's model with its options, as it is trained. Raises RecipeError for options that it
        does not have, and for a model that pairs cannot train."""
        try:
            spec = model_spec(self.model.name)
            spec = spec.with_options(spec.parse_options(self.model.name, self.model.options))
        except (InvalidInput, TypeError) as error:
            raise RecipeError(str(error)) from error
        if not self.learns_pairs:
            return spec
        if "quality" not in spec.targets:
            raise RecipeError(f"loss {self.loss.name} ranks pictures by quality, which {self.model.name} does not tell")
        return replace(spec, targets={"quality": spec.targets["quality"]}, head=(*spec.head, HEAD))

    @property
    def clustered_columns(self) -> tuple[str, ...]:
        """The target columns that come of clustering the pictures; none for a model without scenes."""
        return self.spec.targets.get(SCENES, ()) if self.data.scenes == "cluster" else ()

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The manifest columns that outputs are trained to be."""
        return tuple(column for columns in self.spec.targets.values() for column in columns)

    def columns(self) -> tuple[str, ...]:
        """The manifest columns that training needs, the picture included."""
        deviation = ("score_std",) if self.learns_pairs and self.pairs.labels == "thurstone" else ()
        groups = () if self.validation.within is None else (self.validation.within,)
        targets = (column for column in self.target_columns if column not in self.clustered_columns)
        return ("image", *targets, *deviation, *groups)

    def to_dict(self) -> dict[str, Any]:
        """Every setting, resolved."""
        return asdict(self)


SECTIONS: Mapping[str, type] = {
    "model": ModelSection,
    "data": DataSection,
    "split": SplitSection,
    "training": TrainingSection,
    "loss": LossSection,
    "pairs": PairsSection,
    "validation": ValidationSection,
}
