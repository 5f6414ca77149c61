"""The same gradients by the package tf-keras-vis, where it takes the model.

tf-keras-vis 0.8.7 with Keras 3.15 wants a value for each input, so that optional ones cannot be left out. For Grad-CAM it builds
a model to the target and to a layer's output, which fails for layers of models within the model; it sums the maps in their own
precision. Left to itself it takes the last convolution, in a residual network before the normalisation and the sum, and its
saliency fails with outputs in a dictionary: here it gets the layer by name, and the target's output as the only one.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import keras
import numpy as np

from tfiqa.errors import MissingPackage
from tfiqa.explain.split_model import SplitModel

GIVEN = ("image", "exif")  # inputs that have a value


def installed() -> bool:
    """Whether the package is there."""
    return find_spec("tf_keras_vis") is not None


def obstacle(split: SplitModel, *, maps: bool) -> str | None:
    """Why the package cannot compute Grad-CAM (`maps`) or gradients by the picture, in a few words; None where it can."""
    if others := [tensor.name for tensor in split.model.inputs if tensor.name not in GIVEN]:
        return f"it cannot leave out the input {others[0]}"
    if not maps:
        return None
    if len(split.makers) > 1:
        return f"the target depends on the maps of {len(split.makers)} layers, and it takes one"
    layer = split.makers[0]
    if layer not in split.model.layers or isinstance(layer, keras.Model):
        return f"{layer.name} is no layer of the model itself"
    if layer.compute_dtype != "float32":
        return f"it would sum the maps of {layer.name} in {layer.compute_dtype}"
    return None


class KerasVis:
    """tf-keras-vis on a model's target; arguments and results as of `SplitModel`.

    Raises MissingPackage where it is not installed.
    """

    package = "tf-keras-vis"

    def __init__(self, split: SplitModel) -> None:
        if not installed():
            raise MissingPackage(f"{self.package} is not installed; pip install 'tfiqa[explain]'")
        self._split = split
        self._model = keras.Model(split.model.inputs, split.model.output[split.target.output])
        self._inputs = [tensor.name for tensor in split.model.inputs]

    def gradient(self, images: np.ndarray, exif: Any = None) -> np.ndarray:
        """The target's gradient by the pictures (N, H, W, 3)."""
        from tf_keras_vis.saliency import Saliency

        settings: dict[str, Any] = {"gradient_modifier": None, "keepdims": True, "normalize_map": False}
        found = Saliency(self._model)(self._score, self._values(images, exif), **settings, unconnected_gradients="zero")
        return np.asarray(found[self._inputs.index("image")])

    def class_activations(self, images: np.ndarray, exif: Any = None) -> list[np.ndarray]:
        """Grad-CAM's `class_activation` of the maps, (N, h, w), as the only one."""
        from tf_keras_vis.gradcam import Gradcam

        settings: dict[str, Any] = {"activation_modifier": None, "expand_cam": False, "normalize_cam": False}
        (layer,) = self._split.makers
        settings |= {"penultimate_layer": layer.name, "seek_penultimate_conv_layer": False}
        found = Gradcam(self._model)(self._score, self._values(images, exif), **settings, unconnected_gradients="zero")
        return [np.asarray(found)]

    def _values(self, images: np.ndarray, exif: Any) -> list[np.ndarray]:
        values = {"image": images, "exif": exif}
        return [np.asarray(values[name], np.float32) for name in self._inputs]

    def _score(self, output: Any) -> Any:
        return output[:, self._split.target.column]
