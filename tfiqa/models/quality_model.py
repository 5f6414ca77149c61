"""The Keras class of every tfiqa model: a functional graph that also knows its protocol and its score scale."""

from __future__ import annotations

from typing import Any

import keras

from tfiqa.errors import InvalidInput
from tfiqa.models.model_info import ModelInfo
from tfiqa.registry import unknown_name


@keras.saving.register_keras_serializable(package="tfiqa")
class QualityModel(keras.Model):
    """A functional `keras.Model` with a `ModelInfo`, which `.keras` files keep.

    Inputs and outputs are named: `image` float (N, H, W, 3) RGB 0..255 (and what the model adds) to a dictionary of tensors.
    A model with inputs beside `image` is called with a dictionary, or with the image alone if the others are optional.
    """

    info: ModelInfo

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The outputs; optional inputs may be left out."""
        return super().__call__(self._completed(inputs), *args, **kwargs)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        """As `__call__`, for JAX, which calls this one."""
        return super().call(self._completed(inputs), training=training, mask=mask, **kwargs)

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

    def _completed(self, inputs: Any) -> Any:
        """With None for each input that is left out."""
        if not isinstance(self.input, dict):
            return inputs
        given = inputs if isinstance(inputs, dict) else {"image": inputs}
        for name in given:
            if name not in self.input:
                raise InvalidInput(f"model {self.name}: " + unknown_name("input", name, self.input))
        return {name: given.get(name) for name in self.input}


def quality_model(inputs: Any, outputs: dict[str, Any], info: ModelInfo) -> QualityModel:
    """A `QualityModel` over functional tensors."""
    model = QualityModel(inputs=inputs, outputs=outputs, name=info.model)
    model.info = info
    return model
