"""From RGB 0..255, which every model takes, to the range that its body was trained on."""

from __future__ import annotations

from typing import Any

from tfiqa.errors import UnknownName
from tfiqa.registry import unknown_name

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # torchvision's ImageNet statistics of RGB in [0, 1]
IMAGENET_STD = (0.229, 0.224, 0.225)
SCALINGS = ("unit", "symmetric", "imagenet")
# What the bodies were fed when their published ImageNet weights were trained.
SCALING_OF_IMAGENET = {
    "inception_resnet_v2": "symmetric",
    "mobilenet": "symmetric",
    "mobilenet_v2": "symmetric",
    "mobilenet_v3_small": "symmetric",
    "efficientnet_v2_b0": "imagenet",
    "resnet18": "imagenet",
}


def unit_range(image: Any) -> Any:
    """RGB 0..255 to [0, 1], in float32 whatever the precision policy."""
    from keras import layers

    return layers.Rescaling(1 / 255, dtype="float32", name="unit_range")(image)


def symmetric_range(image: Any) -> Any:
    """RGB 0..255 to [-1, 1], in float32 whatever the precision policy."""
    from keras import layers

    return layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="symmetric_range")(image)


def imagenet_range(image: Any) -> Any:
    """RGB 0..255 to [0, 1] with ImageNet's mean and deviation taken out, in float32 whatever the precision policy."""
    from keras import layers

    variance = [deviation**2 for deviation in IMAGENET_STD]
    normalization = layers.Normalization(mean=IMAGENET_MEAN, variance=variance, dtype="float32", name="imagenet")
    return normalization(unit_range(image))


def check_scaling(scaling: str) -> None:
    """Raises UnknownName unless `scaling` is one of SCALINGS."""
    if scaling not in SCALINGS:
        raise UnknownName(unknown_name("scaling", str(scaling), SCALINGS))


def scaled(image: Any, scaling: str) -> Any:
    """RGB 0..255 scaled by one of SCALINGS."""
    check_scaling(scaling)
    return {"unit": unit_range, "symmetric": symmetric_range, "imagenet": imagenet_range}[scaling](image)
