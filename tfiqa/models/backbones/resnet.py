"""ResNet-18, -34 and -50 exactly as torchvision builds them, so that weights trained there keep their meaning.

Reference: K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016; the placing of the stride
in the 3x3 convolution of a bottleneck ("v1.5"), the symmetric padding and the batch-norm constants are torchvision's.
`keras.applications.ResNet50` differs in all of these and cannot hold such weights.

A layer's name is its torchvision path with dots as underscores: `layer2.0.downsample.1` -> `layer2_0_downsample_1`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfiqa.models.backbones.resnet_shape import BOTTLENECK, EXPANSION, STAGE_BLOCKS, STAGE_WIDTHS

BATCH_NORM_EPSILON = 1e-5  # torch.nn.BatchNorm2d
BATCH_NORM_MOMENTUM = 0.9  # torch's momentum of 0.1 weighs the new batch, Keras' the old average


def resnet_taps(x: Any, name: str, prefix: str = "") -> dict[str, Any]:
    """The convolutional body.

    Args:
        x: float (N, H, W, 3), normalised as the weights expect; H and W of any size.
        name: "resnet18", "resnet34" or "resnet50".
        prefix: put before every layer name, for models with two bodies.

    Returns:
        `stem` (after the max pooling, stride 4) and `layer1` .. `layer4` (strides 4, 8, 16, 32); each stride-2 step takes the
        ceiling of half the size.
    """
    stem = resnet_stem(x, prefix)
    return {"stem": stem, **resnet_stages(stem, name, 1, len(STAGE_WIDTHS), prefix)}


def resnet_stem(x: Any, prefix: str = "") -> Any:
    """The first convolution and the max pooling; arguments as in `resnet_taps`."""
    x = _conv_bn(x, 64, 7, 2, f"{prefix}conv1", f"{prefix}bn1")
    x = layers.ReLU(name=f"{prefix}relu")(x)
    # Zeros pad as well as torch's minus infinity here, since nothing is negative after a ReLU.
    x = layers.ZeroPadding2D(1, name=f"{prefix}maxpool_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name=f"{prefix}maxpool")(x)


def resnet_stages(x: Any, name: str, first: int, last: int, prefix: str = "") -> dict[str, Any]:
    """The stages `layer<first>` .. `layer<last>`, 1 to 4, by name; none where `first` is beyond `last`."""
    taps = {}
    for stage in range(first, last + 1):
        for block in range(STAGE_BLOCKS[name][stage - 1]):
            stride = 2 if stage > 1 and block == 0 else 1
            width = STAGE_WIDTHS[stage - 1]
            x = _residual_block(x, width, stride, name in BOTTLENECK, f"{prefix}layer{stage}_{block}")
        taps[f"layer{stage}"] = x
    return taps


def torch_linear(units: int, inputs: int, name: str) -> layers.Dense:
    """A dense layer in float32, started as torch.nn.Linear starts: uniform within 1 / sqrt(inputs), the bias too."""
    bound = inputs**-0.5
    return layers.Dense(
        units,
        dtype="float32",  # scores on a 0..100 scale would lose half a point in bfloat16
        kernel_initializer=keras.initializers.RandomUniform(-bound, bound),
        bias_initializer=keras.initializers.RandomUniform(-bound, bound),
        name=name,
    )


def _residual_block(x: Any, width: int, stride: int, bottleneck: bool, name: str) -> Any:
    channels = width * EXPANSION if bottleneck else width
    shortcut = x
    if stride > 1 or x.shape[-1] != channels:
        shortcut = _conv_bn(x, channels, 1, stride, f"{name}_downsample_0", f"{name}_downsample_1")
    # (filters, kernel size, stride) of each convolution; the stride sits in the (first) 3x3 one.
    plan = [(width, 1, 1), (width, 3, stride), (channels, 1, 1)] if bottleneck else [(width, 3, stride), (width, 3, 1)]
    for i, (filters, kernel, step) in enumerate(plan, start=1):
        x = _conv_bn(x, filters, kernel, step, f"{name}_conv{i}", f"{name}_bn{i}")
        if i < len(plan):
            x = layers.ReLU(name=f"{name}_relu{i}")(x)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv_bn(x: Any, filters: int, kernel: int, stride: int, conv_name: str, bn_name: str) -> Any:
    # With stride 1 "same" pads symmetrically; with stride 2 it would not, on even sizes.
    padding = "same"
    if kernel > 1 and stride > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{conv_name}_pad")(x)
        padding = "valid"
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"),  # torchvision
        name=conv_name,
    )(x)
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, name=bn_name)(x)
