"""Weights files laid out as Keras 2 wrote them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

KERAS_2_NAMES = {"DepthwiseConv2D": {"kernel": "depthwise_kernel"}}


def shifted(name: str) -> str:
    """A layer's name as another process would have counted it."""
    counted = re.fullmatch(r"(conv2d|batch_normalization|activation|re_lu)(?:_(\d+))?", name)
    return f"{counted[1]}_{int(counted[2] or 0) + 407}" if counted else name


def write_keras_2(path: Path, model: keras.Model, name: Callable[[str], str] = shifted, root: str = "/") -> Path:
    """The model's weights; the groups are made in random order, as only the list of layers tells the right one."""
    with h5py.File(path, "w") as file:
        group = file.require_group(root)
        group.attrs["layer_names"] = [name(layer.name).encode() for layer in model.layers]
        group.attrs["backend"] = b"tensorflow"
        group.attrs["keras_version"] = b"2.2.4"
        for layer in random.Random(0).sample(model.layers, len(model.layers)):
            write_layer(group.require_group(name(layer.name)), name(layer.name), layer)
    return path


def write_layer(group: h5py.Group, name: str, layer: Any) -> None:
    old_names = KERAS_2_NAMES.get(type(layer).__name__, {})
    weights = {f"{name}/{old_names.get(w.name, w.name)}:0": np.asarray(w) for w in layer.weights}
    group.attrs["weight_names"] = [key.encode() for key in weights]
    for key, value in weights.items():
        group[key] = value


def with_random_weights(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model with statistics and offsets that differ from layer to layer, unlike fresh ones, and activations in range."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name in ("beta", "moving_mean", "bias"):
            weight.assign(rng.normal(0, 0.1, weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
    return model
