"""A head put behind the body that its features were made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from tfiqa.score_scale import ScoreScale
from tfiqa.training.heads.network import head_model
from tfiqa.weights.bodies import copy_layers
from tfiqa.weights.build import build_model, read_model

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel


def whole_model(
    features_model: Path, weights: Sequence[NDArray[np.float32]], batch_normalization: bool, scale: ScoreScale
) -> QualityModel:
    """A `deepfl` that scores whole pictures.

    Args:
        features_model: the `.keras` file that the features were made with, a `deepfl_mtl` or a `deepfl`; of the latter's own
            head nothing is taken.
        weights: of the head, as `network.HeadNetwork` trains it.
        batch_normalization: whether the head has any.
        scale: of the scores it was trained on.

    Raises:
        CheckpointError: the file cannot be read.
    """
    source = read_model(features_model)
    options = {name: source.info.options[name] for name in ("body", "scaling")}
    model = build_model("deepfl", **options, batch_normalization=batch_normalization)
    copy_layers(keras.Model(source.inputs, source.get_layer("mlsp").output), model)
    head = head_model(model.get_layer("mlsp").output.shape[-1], batch_normalization)
    head.set_weights(list(weights))
    copy_layers(head, model)
    model.info = replace(model.info, scale=scale)
    return model
