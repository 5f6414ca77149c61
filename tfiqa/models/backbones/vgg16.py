"""VGG-16 up to its last feature map, exactly as torchvision builds it, so that weights trained there keep their meaning.

Reference: K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, table 1,
column D.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfiqa.models.layers.pad_to_side import PadToSide

SMALLEST_SIDE = 16  # below this the four poolings leave nothing
# Filters and number of the convolutions between two poolings.
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg16_maps(x: Any, prefix: str = "features") -> Any:
    """The thirteen convolutions, up to the ReLU after the last one (relu5_3), without the pooling that follows there.

    Args:
        x: float (N, H, W, 3), normalised as the weights expect; H and W of any size. Sides shorter than 16, with which
            torchvision's network fails, are filled up with zeros, as its convolutions fill theirs.
        prefix: what the layers' names begin with. A name is the prefix and the layer's number in torchvision's `features`:
            `features.28` -> `features_28`, the last convolution.

    Returns:
        (N, H // 16, W // 16, 512), at least one pixel, nowhere negative: each of four poolings drops an odd row or column.
    """
    x = PadToSide(SMALLEST_SIDE, name=f"{prefix}_pad")(x)
    number = 0
    for block, (filters, convolutions) in enumerate(BLOCKS):
        if block:
            x = layers.MaxPooling2D(2, name=f"{prefix}_{number}")(x)
            number += 1
        for _ in range(convolutions):
            x = layers.Conv2D(filters, 3, padding="same", kernel_initializer=_initial(), name=f"{prefix}_{number}")(x)
            x = layers.ReLU(name=f"{prefix}_{number + 1}")(x)
            number += 2
    return x


def _initial() -> keras.initializers.Initializer:
    """torchvision's; one a layer, since an initialiser gives the same numbers each time."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
