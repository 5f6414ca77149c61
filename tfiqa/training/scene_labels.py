"""Labels of scenes that no manifest gives: clusters of the pictures to train on."""

from __future__ import annotations

from dataclasses import replace

from tfiqa.databases.reader import Progress
from tfiqa.errors import InvalidInput
from tfiqa.features.scenes.clusters import SceneTypes, fit_scene_types
from tfiqa.features.scenes.labels import with_scenes
from tfiqa.features.scenes.pictures import describe_pictures
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.training.recipe import Recipe


def cluster_scenes(
    pictures: LabelledPictures, recipe: Recipe, progress: Progress | None = None
) -> tuple[LabelledPictures, SceneTypes]:
    """Finds types of scenes in the pictures of split `train` and labels all pictures.

    Args:
        pictures: usable ones, with their split.
        recipe: says how many types, the seed and the largest picture.
        progress: called with (done, all) after each picture.

    Returns:
        The pictures with the recipe's `clustered_columns`, and the types.

    Raises:
        InvalidInput: a picture cannot be described, or too few to train on differ.
    """
    descriptors, errors = describe_pictures(pictures.sources, max_pixels=recipe.data.max_pixels, progress=progress)
    bad = [error for error in errors if error is not None]
    if bad:
        raise InvalidInput(f"{len(bad)} of {len(errors)} pictures have no scene: {bad[0]}")
    manifest = pictures.manifest
    trains = (manifest.table["split"] == "train").to_numpy()
    types = fit_scene_types(descriptors[trains], len(recipe.clustered_columns), recipe.training.seed)
    table = with_scenes(manifest.table, types, descriptors)
    return replace(pictures, manifest=replace(manifest, table=table)), types
