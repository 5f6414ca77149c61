"""What the steps of a run are given: its batches, and their pictures as a `tf.data` pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tfiqa.databases.exif_rows import exif_rows
from tfiqa.images.exif_encoding import normalise_exif
from tfiqa.pipelines.batches import Batches, PairBatches, PictureBatches
from tfiqa.pipelines.stored_patches import Progress, StoredPatches, store_patches
from tfiqa.training.learning_boxes import box_batches
from tfiqa.training.learning_pairs import DrawnPairs
from tfiqa.training.recipe import Recipe
from tfiqa.training.run_folder import RunFolder
from tfiqa.training.training_data import TrainingData

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel


@dataclass(frozen=True, eq=False)
class TrainingPictures:
    """The pictures to train on.

    Args:
        recipe, data: of the run.
        drawn: pairs of them, for a model that learns from such.
        patches: all their patches, where the recipe trains on these.
    """

    recipe: Recipe
    data: TrainingData
    drawn: Sequence[DrawnPairs]
    patches: StoredPatches | None

    def batches(self, size: int) -> Batches:
        """Batches of `size` crops, or pairs."""
        recipe, train = self.recipe, self.data.rows("train")
        if recipe.data.boxes:
            return box_batches(recipe, train.manifest, self.data.sizes_of("train"), size)
        seed = recipe.training.seed
        if recipe.learns_pairs:
            return PairBatches([each.stream for each in self.drawn], [each.rows for each in self.drawn], size, seed)
        targets = self.data.targets(train.manifest, recipe.spec.targets)
        if self.patches is not None:
            targets = {name: values[self.patches.rows] for name, values in targets.items()}
        return PictureBatches(targets, recipe.data.crops_per_picture, size, seed)

    def dataset(self, batches: Batches, first_epoch: int, end: int) -> Any:
        """The batches with their pictures, see `pipelines.training.training_dataset`; `end` is one above the last epoch."""
        from tfiqa.pipelines.training import CropSettings, training_dataset

        recipe, train, patches = self.recipe, self.data.rows("train"), self.patches
        settings = CropSettings(
            resize=recipe.training_resize,
            crop=recipe.data.crop_size if patches is None else patches.pixels.shape[1:3],
            flip=recipe.data.flip,
            max_pixels=recipe.data.max_pixels,
        )
        inputs = {}
        if recipe.spec.exif:
            exif = normalise_exif(exif_rows(train.manifest)).astype(np.float32)
            inputs["exif"] = exif if patches is None else exif[patches.rows]
        return training_dataset(
            train.sources if patches is None else patches.pixels,
            batches,
            settings,
            seed=recipe.training.seed,
            first_epoch=first_epoch,
            epochs=end,
            inputs=inputs,
        )


def training_pictures(
    recipe: Recipe,
    data: TrainingData,
    drawn: Sequence[DrawnPairs],
    model: QualityModel,
    folder: RunFolder,
    say: Callable[[str], None],
    progress: Progress | None = None,
) -> TrainingPictures:
    """The pictures of a run, cut into the model's patches where the recipe says so; `progress` and what is raised as of
    `store_patches`."""
    if not recipe.data.grid:
        return TrainingPictures(recipe, data, drawn, None)
    train = data.rows("train")
    protocol = replace(model.info.protocol, resize=recipe.training_resize)
    most = recipe.data.max_pixels
    patches = store_patches(train.sources, protocol, folder.root, max_pixels=most, progress=progress)
    say(f"{len(patches.rows)} patches of {len(train)} pictures")
    return TrainingPictures(recipe, data, drawn, patches)
