"""The Keras class of every tfiqa model: a functional graph that also knows its protocol and its score scale."""

from __future__ import annotations

from typing import Any

import keras

from tfiqa.models.model_info import ModelInfo


@keras.saving.register_keras_serializable(package="tfiqa")
class QualityModel(keras.Model):
    """A functional `keras.Model` with a `ModelInfo`, which `.keras` files keep.

    Inputs and outputs are named: `image` float (N, H, W, 3) RGB 0..255 (and what the model adds) to a dictionary of tensors.
    """

    info: ModelInfo

    def get_config(self) -> dict[str, Any]:
        """The functional configuration and the information."""
        return {**super().get_config(), "tfiqa": self.info.to_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> QualityModel:
        """The model that `get_config` described, with fresh weights."""
        config = dict(config)
        info = ModelInfo.from_dict(config.pop("tfiqa"))
        model: QualityModel = super().from_config(config, custom_objects=custom_objects)
        model.info = info
        return model


def quality_model(inputs: Any, outputs: dict[str, Any], info: ModelInfo) -> QualityModel:
    """A `QualityModel` over functional tensors."""
    model = QualityModel(inputs=inputs, outputs=outputs, name=info.model)
    model.info = info
    return model
