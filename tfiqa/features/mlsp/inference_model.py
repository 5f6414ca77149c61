"""A copy of a model for inference alone, that takes less time and less memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import layers

from tfiqa.features.mlsp.mean_first import MeanFirst

MEAN_PREFIX = "mlsp_"  # of the layers that `bodies.mlsp` makes
CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)
SCALINGS = (layers.Normalization, layers.Rescaling)  # from 0..255, which is float32 whatever the precision
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def inference_model(model: keras.Model, precision: str) -> keras.Model:
    """A functional copy that computes the same MLSP features.

    A batch normalisation right after a convolution becomes part of its kernel and bias: Keras computes it as a multiplication
    and an addition of their own, each of which passes through memory. Maps whose means are features become `MeanFirst`.

    Args:
        model: from pictures to the layer `mlsp`, whose layers are called once; it stays as it is.
        precision: "float32", or "bfloat16" for maps in bfloat16, with weights and features in float32.
    """
    folded = _folded(model)
    normalizations = {normalization.name for normalization in folded.values()}
    maps = {id(layer.input) for layer in model.layers if layer.name.startswith(MEAN_PREFIX)}
    outputs = {operation.name: operation.output for operation in model.operations}
    means: dict[int, Any] = {}  # by the map

    def copy(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.Layer):  # and no operation such as `x + 3`
            exact = isinstance(layer, SCALINGS) or layer.name == "mlsp"
            config["dtype"] = "float32" if exact else POLICIES[precision]
        if layer.name in folded:
            config["use_bias"] = True
        return layer.__class__.from_config(config)

    def call(layer: Any, *inputs: Any, **settings: Any) -> Any:
        if layer.name in normalizations:
            output = inputs[0]
        elif layer.name.startswith(MEAN_PREFIX):
            return means[id(inputs[0])]
        else:
            output = layer(*inputs, **settings)
        if id(outputs[layer.name]) not in maps:
            return output
        kept, mean = MeanFirst(name=f"{layer.name}_mean")(output)
        means[id(kept)] = mean
        return kept

    copied = keras.models.clone_model(model, clone_function=copy, call_function=call)
    for layer in copied.layers:
        if layer.weights:
            original = model.get_layer(layer.name)
            normalization = folded.get(layer.name)
            layer.set_weights(_with(normalization, original) if normalization else original.get_weights())
    return copied


def _folded(model: keras.Model) -> dict[str, layers.BatchNormalization]:
    """By the name of a convolution, the normalisation that alone takes what it gives out."""
    uses = Counter(id(x) for layer in model.operations for x in keras.tree.flatten(layer.input))
    convolutions = {
        id(layer.output): layer.name
        for layer in model.layers
        if isinstance(layer, CONVOLUTIONS) and layer.activation is keras.activations.linear
    }
    return {
        convolutions[id(layer.input)]: layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
        and id(layer.input) in convolutions
        and uses[id(layer.input)] == 1
    }


def _with(normalization: layers.BatchNormalization, convolution: keras.Layer) -> list[np.ndarray]:
    """Kernel and bias of both in one: gamma (kernel * x + bias - mean) / sqrt(variance + epsilon) + beta."""
    kernel, *bias = (each.astype(np.float64) for each in convolution.get_weights())
    scale = 1 / np.sqrt(np.asarray(normalization.moving_variance, np.float64) + normalization.epsilon)
    if normalization.scale:
        scale = scale * np.asarray(normalization.gamma)
    shift = (sum(bias) - np.asarray(normalization.moving_mean)) * scale
    if normalization.center:
        shift = shift + np.asarray(normalization.beta)
    # A depthwise kernel is (height, width, channels, multiplier), any other (height, width, inputs, outputs).
    by_output = scale.reshape(kernel.shape[2:]) if isinstance(convolution, layers.DepthwiseConv2D) else scale
    return [(kernel * by_output).astype(np.float32), shift.astype(np.float32)]
