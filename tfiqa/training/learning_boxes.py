"""Learning from boxes in pictures: what of the manifest can be used, and what a step trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfiqa.databases.box_rows import are_within, box_rows
from tfiqa.images.resize import parse_policy
from tfiqa.pipelines.box_batches import SCORES, BoxBatches
from tfiqa.training.recipe import Recipe

if TYPE_CHECKING:
    import keras

    from tfiqa.databases.manifest import Manifest
    from tfiqa.models.quality_model import QualityModel


def box_error(boxes: NDArray[np.float32], height: int, width: int, recipe: Recipe, *, trains: bool) -> str | None:
    """Why a picture's boxes (R, 4) cannot be used, or None.

    Args:
        boxes: in pixels of the picture.
        height, width: of the picture.
        recipe: of the run.
        trains: whether the picture is to train on, which must be whole in a crop.
    """
    least = recipe.spec.boxes or 0
    if len(boxes) < least:
        return f"{recipe.model.name} takes {least} boxes or more. Received: {len(boxes)}"
    if not are_within(boxes, height, width):
        return f"a box is not within its {width}x{height} pixels"
    size = parse_policy(recipe.training_resize).output_size(height, width) if trains else recipe.data.crop_size
    if size != recipe.data.crop_size:
        rows, columns = recipe.data.crop_size
        return f"data.boxes needs the whole picture, {size[1]}x{size[0]} pixels, in a crop. Received: {columns}x{rows}"
    return None


def box_batches(recipe: Recipe, manifest: Manifest, sizes: NDArray[np.int64], batch_size: int) -> BoxBatches:
    """The batches to train on.

    Args:
        recipe: of the run.
        manifest: the pictures to train on, in which `box_error` finds nothing.
        sizes: their heights and widths (N, 2).
        batch_size: pictures in a batch.
    """
    policy = parse_policy(recipe.training_resize)
    boxes, box_scores = box_rows(manifest)
    moved = [
        policy.move_boxes(np.concatenate([[[0, 0, width, height]], own]), height, width)
        for own, (height, width) in zip(boxes, sizes, strict=True)
    ]
    return BoxBatches(
        np.array([each[0] for each in moved]),
        [each[1:] for each in moved],
        manifest.table["score"].to_numpy(np.float32),
        box_scores,
        crops_per_picture=recipe.data.crops_per_picture,
        batch_size=batch_size,
        seed=recipe.training.seed,
    )


def box_trained(model: QualityModel) -> keras.Model:
    """A model of the same layers whose one output `scores` (N, 1 + R) holds the quality of pictures and of their boxes."""
    from keras import layers

    from tfiqa.models.quality_model import quality_model

    both = layers.Concatenate(dtype="float32", name=SCORES)([model.output["quality"], model.output["box_quality"]])
    return quality_model(model.input, {SCORES: both}, model.info)
