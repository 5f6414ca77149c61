"""The convolutional bodies of DeepFL-IQA and NIMA, from RGB 0..255 to the last feature map, and the MLSP features of the former.

All but ResNet-18 are those of `keras.applications`, without their tops and without their own preprocessing.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import keras
from keras import layers

from tfiqa.errors import InvalidInput
from tfiqa.models.backbones.mlsp_taps import MLSP_TAPS, MlspTap
from tfiqa.models.backbones.resnet import resnet_taps
from tfiqa.models.input_scaling import scaled

_APPLICATIONS = {
    "inception_resnet_v2": (keras.applications.InceptionResNetV2, {}),
    "mobilenet_v3_small": (keras.applications.MobileNetV3Small, {"include_preprocessing": False}),
    "efficientnet_v2_b0": (keras.applications.EfficientNetV2B0, {"include_preprocessing": False}),
    "mobilenet": (keras.applications.MobileNet, {}),
    "mobilenet_v2": (keras.applications.MobileNetV2, {}),
}
# Layers that keras.applications leaves unnamed: Keras then counts them through the whole process.
_UNNAMED = re.compile(
    r"(activation|average_pooling2d|batch_normalization|conv2d|custom_scale_layer|max_pooling2d|re_lu)(_\d+)?"
)

# Of batch normalisation, where it is not Keras' own: with its .999, MobileNet's .99, the running statistics need ten thousand or
# a thousand steps until they are those of the pictures, and a body that is trained from fresh weights here, which may not get
# these, then says the same of every picture. .9 is ResNet's.
_MOMENTUM = {"mobilenet": 0.9, "mobilenet_v2": 0.9, "mobilenet_v3_small": 0.9}


def build_body(name: str, scaling: str) -> keras.Model:
    """A body with fresh weights, as a flat functional graph.

    Args:
        name: one of `mlsp_taps.BODIES` or of `baselines.nima.BODIES`.
        scaling: one of `input_scaling.SCALINGS`; its layer is part of the graph.

    Returns:
        A model from `image` (N, H, W, 3) RGB 0..255 to the last feature map (N, h, w, channels): 1,536 channels for
        "inception_resnet_v2", 576 for "mobilenet_v3_small", 1,280 for "efficientnet_v2_b0" and "mobilenet_v2", 1,024 for
        "mobilenet", 512 for "resnet18". H and W are of any size, from 75 for "inception_resnet_v2". Layer names are the same in
        every process.
    """
    image = keras.Input((None, None, 3), name="image")
    x = scaled(image, scaling)
    if name not in _APPLICATIONS:
        return keras.Model(image, resnet_taps(x, name)["layer4"], name=name)
    application, settings = _APPLICATIONS[name]
    body = application(include_top=False, weights=None, input_tensor=x, **settings)
    return _with_lasting_names(body, name)


def mlsp(body: keras.Model, name: str) -> Any:
    """The MLSP features (N, features) of a body that `build_body` made, float32, in the order of MLSP_TAPS: the mean of each
    tapped map over the picture. The layer that concatenates them is called `mlsp`.

    Raises InvalidInput when the installed Keras builds the body otherwise than MLSP_TAPS says.
    """
    taps = MLSP_TAPS[name]
    names = [tap.layer for tap in taps]
    order = [layer.name for layer in body.layers if layer.name in names]
    maps = [_tapped(body, tap) for tap in taps]
    channels = [int(each.shape[-1]) for each in maps]
    if channels != [tap.features for tap in taps] or order != names:
        raise InvalidInput(f"Keras {keras.__version__} builds {name} otherwise than its MLSP features need")
    means = [
        layers.GlobalAveragePooling2D(dtype="float32", name=f"mlsp_{tap.layer}")(each)
        for tap, each in zip(taps, maps, strict=True)
    ]
    return layers.Concatenate(dtype="float32", name="mlsp")(means)


def _tapped(body: keras.Model, tap: MlspTap) -> Any:
    layer = body.get_layer(tap.layer)
    return layer.input if tap.before else layer.output


def _with_lasting_names(body: keras.Model, name: str) -> keras.Model:
    """A copy of a body whose unnamed layers are counted from 1 in this body alone, and whose statistics follow in time."""
    seen: Counter[str] = Counter()

    def named(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if unnamed := _UNNAMED.fullmatch(layer.name):
            seen[unnamed[1]] += 1
            config["name"] = f"{unnamed[1]}_{seen[unnamed[1]]}"
        if isinstance(layer, layers.BatchNormalization):
            config["momentum"] = _MOMENTUM.get(name, config["momentum"])
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(body, clone_function=named)
    return keras.Model(copy.inputs[0], copy.outputs[0], name=name)
