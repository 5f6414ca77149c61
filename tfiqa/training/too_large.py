"""Pictures too large for the padding in training, which become test pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.groups import group_keys
from tfiqa.errors import InvalidInput
from tfiqa.images.resize import parse_policy
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.training.recipe import Recipe


def size_error(takes: Callable[[int, int], object], height: int, width: int) -> str | None:
    """Why `takes`, which raises InvalidInput for heights and widths that it does not take, refuses this size, or None."""
    try:
        takes(height, width)
    except InvalidInput as error:
        return str(error)
    return None


def is_for_testing(recipe: Recipe, height: int, width: int) -> bool:
    """Whether a picture of this size is too large for the padding in training, but can be scored.

    Such pictures went to the test set of PaQ-2-PiQ (Ying et al., CVPR 2020, section 4.1).
    """
    policy = parse_policy(recipe.training_resize)
    too_large = policy.kind == "pad" and max(height, width) > policy.size
    return too_large and size_error(parse_policy(recipe.scoring_resize).output_size, height, width) is None


def large_ones_to_test(
    pictures: LabelledPictures, checks: pd.DataFrame, recipe: Recipe
) -> tuple[LabelledPictures, NDArray[np.bool_]]:
    """The pictures, those that are for testing in the test set together with all of their groups, and which of them were in
    another split.

    Args:
        pictures: with a split.
        checks: a row for each, with `height`, `width` and `error`.
        recipe: of the run.
    """
    table = pictures.manifest.table
    sizes = zip(checks["height"], checks["width"], checks["error"], strict=True)
    large = np.array([error is None and is_for_testing(recipe, height, width) for height, width, error in sizes])
    groups = group_keys(table, pictures.manifest.path)
    large = groups.isin(groups[large]).to_numpy()
    moved = large & (table["split"] != "test").to_numpy()
    table = table.assign(split=table["split"].mask(large, "test"))
    return replace(pictures, manifest=replace(pictures.manifest, table=table)), moved
