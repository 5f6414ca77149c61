"""S-CNN, the body of DB-CNN that its authors train to tell synthetic distortions apart.

Reference: W. Zhang, K. Ma, J. Yan, D. Deng, Z. Wang, "Blind Image Quality Assessment Using a Deep Bilinear Convolutional Neural
Network", IEEE TCSVT 30, 2020, figure 3. The strides are those of the authors' PyTorch code: of the paper's MATLAB code the eighth
convolution has the last stride, not the ninth, and there is no batch normalisation.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfiqa.models.backbones.resnet import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM

# Filters and stride of each 3x3 convolution.
CONVOLUTIONS = ((48, 1), (48, 2), (64, 1), (64, 2), (64, 1), (64, 2), (128, 1), (128, 1), (128, 2))


def scnn_maps(x: Any, batch_norm: bool, prefix: str = "features") -> Any:
    """The nine convolutions, each with its ReLU.

    Args:
        x: float (N, H, W, 3), normalised as the weights expect; H and W of any size.
        batch_norm: put batch normalisation between each convolution and its ReLU.
        prefix: what the layers' names begin with; the layer's number in the authors' `features` follows, such as `features_2`.

    Returns:
        (N, H / 16, W / 16, 128), nowhere negative; each of four strides takes the ceiling of half the size.
    """
    modules = 3 if batch_norm else 2
    for i, (filters, stride) in enumerate(CONVOLUTIONS):
        name = f"{prefix}_{modules * i}"
        padding = "same"
        if stride > 1:  # "same" would pad one side alone, on even sizes
            x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
            padding = "valid"
        x = layers.Conv2D(filters, 3, strides=stride, padding=padding, kernel_initializer=_initial(), name=name)(x)
        if batch_norm:
            x = layers.BatchNormalization(
                momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, name=f"{prefix}_{modules * i + 1}"
            )(x)
        x = layers.ReLU(name=f"{prefix}_{modules * (i + 1) - 1}")(x)
    return x


def _initial() -> keras.initializers.Initializer:
    """The authors'; one a layer, since an initialiser gives the same numbers each time."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
