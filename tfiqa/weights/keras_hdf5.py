"""Weights files as Keras 2 wrote them (HDF5), read without Keras and without running anything from the file.

Layout: the root, or its group `model_weights`, lists the layers in the attribute `layer_names`, in the order of the model; each
layer is a group that lists its datasets in the attribute `weight_names`, such as `conv2d_7/kernel:0`. Layers that their author
did not name are counted through the process that made them, so that only their order tells which is which.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import CheckpointError

if TYPE_CHECKING:
    import keras

# Keras 3 calls the kernel of a depthwise convolution as that of any other.
_KERAS_2_NAMES = {"depthwise_kernel": "kernel"}


@dataclass(frozen=True, eq=False)
class SavedLayer:
    """A layer that has weights.

    Args:
        name: as in the file, such as "conv2d_7".
        weights: arrays by the name of the weight, such as "kernel".
    """

    name: str
    weights: Mapping[str, NDArray[Any]]


def read_layers(path: str | os.PathLike[str]) -> list[SavedLayer]:
    """The layers with weights of a file, in the order of the file's list.

    Raises CheckpointError, in one line that names the file, when it is missing, no such file, or damaged.
    """
    try:
        size = os.stat(path).st_size
        if not os.path.isfile(path) or not h5py.is_hdf5(path):
            raise CheckpointError("is no HDF5 file, as Keras 2 wrote its weights")
        with h5py.File(path, "r") as file:
            return list(_layers(file, size))
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} cannot be read: {reason}") from error
    except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:  # what h5py makes of damage
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(f"{path} is damaged or no weights file: {reason}") from error


def assign_layers(model: keras.Model, saved: Sequence[SavedLayer], source: str) -> None:
    """Fills a model's layers by order with the layers of a file, or changes nothing.

    Args:
        model: a built functional model with the architecture of the one that was saved; layer names do not matter.
        saved: see `read_layers`.
        source: what holds the layers, for the error text.

    Raises:
        CheckpointError: before anything is assigned, when the number of layers, the weights of a layer or their shapes differ,
            or values are not finite real numbers.
    """
    layers = [layer for layer in model.layers if layer.weights]
    values = []
    for layer, found in zip(layers, saved, strict=False):
        needed = {weight.name: weight for weight in layer.weights}
        where = f"{source} does not fit {model.name}: its layer {found.name}, for {layer.name},"
        if found.weights.keys() != needed.keys():
            raise CheckpointError(f"{where} has {', '.join(found.weights)}, not {', '.join(needed)}")
        for name, weight in needed.items():
            array = found.weights[name]
            if array.shape != tuple(weight.shape):
                raise CheckpointError(f"{where} has a {name} of {array.shape}, not {tuple(weight.shape)}")
            if not np.can_cast(array.dtype, np.float32, "same_kind") or not np.isfinite(array).all():
                raise CheckpointError(f"{where} has a {name} that is not of finite real numbers")
            values.append((weight, array))
    if len(layers) != len(saved):
        raise CheckpointError(
            f"{source} does not fit {model.name}: {len(saved)} layers with weights, not {len(layers)}"
        )
    for weight, array in values:
        weight.assign(array.astype(np.float32))


def _layers(file: h5py.File, size: int) -> Iterator[SavedLayer]:
    root = file["model_weights"] if "model_weights" in file and "layer_names" not in file.attrs else file
    if "layer_names" not in root.attrs:
        raise CheckpointError("has no list of layers (layer_names), as Keras 2 wrote it")
    total = 0
    for layer in _names(root, "layer_names"):
        group = root[layer]
        weights = {}
        for name in _names(group, "weight_names"):
            dataset = group[name]
            _check_dataset(dataset, file)
            total += dataset.nbytes
            if total > size:  # a few bytes can declare terabytes
                raise CheckpointError("declares more numbers than it holds")
            kind = name.rpartition("/")[2].partition(":")[0]
            weights[_KERAS_2_NAMES.get(kind, kind)] = dataset[()]
        if weights:
            yield SavedLayer(layer, weights)


def _check_dataset(dataset: Any, file: h5py.File) -> None:
    """Raises CheckpointError unless it is a dataset whose numbers are in this file: HDF5 can point to other files."""
    if not isinstance(dataset, h5py.Dataset):
        raise CheckpointError("lists weights that are no datasets")
    if dataset.file != file or dataset.external or dataset.is_virtual:
        raise CheckpointError(f"takes {dataset.name} from another file")


def _names(group: Any, attribute: str) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]]
