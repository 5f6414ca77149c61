"""Putting the tensors of a torchvision-named state dict into a Keras model.

A Keras layer is named as its torch module with dots replaced by underscores: `layer1.0.conv1` is `layer1_0_conv1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import CheckpointError, InvalidInput

if TYPE_CHECKING:
    import keras

# What torch calls a Keras weight. Names that are not here are the same.
_TORCH_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
)
# torch's count of a batch normalisation's training steps; inference has no use for it, files from before 2018 lack it.
_STEP_COUNT = "num_batches_tracked"

# Blocks in each stage, and whether they are bottlenecks (He et al., Deep Residual Learning, 2016, table 1).
_ARCHITECTURES: Mapping[tuple[tuple[int, ...], bool], str] = MappingProxyType(
    {
        ((2, 2, 2, 2), False): "resnet18",
        ((3, 4, 6, 3), False): "resnet34",
        ((3, 4, 6, 3), True): "resnet50",
    }
)
_BLOCK_CONVOLUTION = re.compile(r"(?:.*[._])?layer([1-4])[._](\d{1,3})[._]conv([123])\.weight")
# conv2 of the first stage in all three; ResNeXt and wide ResNets have the same names with other widths.
_FIRST_STAGE_CONV2 = (64, 64, 3, 3)

_LISTED = 3  # names an error text gives before it only counts


def assign_state_dict(
    model: keras.Model,
    state: Mapping[str, NDArray[Any]],
    *,
    prefix: str = "",
    ignore: Iterable[str] = (),
    rename: Mapping[str, str] = MappingProxyType({}),
    keep: Sequence[str] = (),
    source: str = "checkpoint",
) -> None:
    """Fills the weights of a Keras model from a torch state dict, or changes nothing.

    Convolutions go from (out, in, height, width) to (height, width, in, out), linear layers from (out, in) to
    (in, out); batch normalisation's weight, bias, running_mean and running_var become gamma, beta, moving_mean and
    moving_variance. `num_batches_tracked` is not used.

    Args:
        model: a built model whose layers are named by torch module path.
        state: tensors by name.
        prefix: what the name of every tensor must start with; it is removed.
        ignore: regular expressions. A tensor is left out when one matches its whole name, prefix included.
        rename: module path (without the prefix) to layer name where they differ. It holds for the modules below the
            path too: {"body.4": "layer1"} sends `body.4.0.conv1` to `layer1_0_conv1`; an empty name drops the path.
        keep: layers that no state dict has and that stay as they are.
        source: what holds the tensors, for the error text.

    Raises:
        CheckpointError: before anything is assigned, when a weight of the model has no tensor, a tensor has no weight,
            shapes differ, or values are not finite real numbers.
        InvalidInput: two layers of the model have the same name.
    """
    weights = {name: weight for name, weight in _weights_of(model).items() if name.split(".")[0] not in keep}
    tensors, unexpected = _tensors_by_weight(state, prefix, tuple(ignore), rename)
    unexpected += [key for name, key in tensors.items() if name not in weights]
    missing, misshapen, unusable = [], [], []
    values: list[tuple[_Weight, NDArray[Any]]] = []
    for name, weight in weights.items():
        if name not in tensors:
            missing.append(weight.path)
            continue
        key = tensors[name]
        if state[key].shape != weight.torch_shape:
            misshapen.append(f"{key} is {state[key].shape}, not {weight.torch_shape}")
        elif (value := weight.value_of(state[key])) is None:
            unusable.append(key)
        else:
            values.append((weight, value))
    problems = {
        "missing": missing,
        "unexpected": unexpected,
        "of another shape": misshapen,
        "not finite real numbers": unusable,
    }
    found = "; ".join(f"{len(names)} {what} ({_listed(names)})" for what, names in problems.items() if names)
    if found:
        held = _architecture({name: state[key].shape for name, key in tensors.items()})
        needed = _architecture({name: weight.torch_shape for name, weight in weights.items()})
        hint = f"; the file holds a {held}, the model is a {needed}" if held and needed and held != needed else ""
        raise CheckpointError(f"{source} does not fit {model.name}: {found}{hint}")
    for weight, value in values:
        weight.variable.assign(value)


def architecture_of(state: Mapping[str, NDArray[Any]]) -> str | None:
    """The backbone whose tensors these are, under any prefix: "resnet18", "resnet34", "resnet50", or None."""
    return _architecture({name: tensor.shape for name, tensor in state.items()})


@dataclass(frozen=True, slots=True)
class _Weight:
    """A variable of the model and how torch stores it.

    Attributes:
        path: layer and variable name, such as "conv1/kernel".
        variable: the Keras variable.
    """

    path: str
    variable: Any

    @property
    def torch_shape(self) -> tuple[int, ...]:
        shape = tuple(self.variable.shape)
        return (shape[-1], shape[-2], *shape[:-2]) if self._is_kernel else shape

    def value_of(self, tensor: NDArray[Any]) -> NDArray[Any] | None:
        """The tensor in Keras' layout and type, copied; None when it does not hold finite real numbers."""
        if not np.can_cast(tensor.dtype, np.float32, "same_kind"):
            return None
        layout = np.moveaxis(tensor, (1, 0), (-2, -1)) if self._is_kernel else tensor
        with np.errstate(over="ignore"):  # becomes infinite, which is refused
            value = np.array(layout, np.dtype(self.variable.dtype), order="C")
        return value if np.isfinite(value).all() else None

    @property
    def _is_kernel(self) -> bool:
        return self.path.endswith("/kernel") and len(self.variable.shape) >= 2


def _weights_of(model: keras.Model) -> dict[str, _Weight]:
    """The model's weights by layer name and torch's name of the weight, such as "conv1.weight"."""
    weights: dict[str, _Weight] = {}
    for variable in model.weights:
        layer, kind = variable.path.split("/")[-2:]
        name = f"{layer}.{_TORCH_NAMES.get(kind, kind)}"
        if name in weights:
            raise InvalidInput(f"{model.name} has two layers named {layer!r}; weights are found by layer name")
        weights[name] = _Weight(f"{layer}/{kind}", variable)
    return weights


def _tensors_by_weight(
    state: Mapping[str, NDArray[Any]], prefix: str, ignore: Sequence[str], rename: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The names of tensors by the name of the weight they are for, and those that are for none."""
    tensors: dict[str, str] = {}
    unexpected = []
    for key in state:
        module, _, kind = key.removeprefix(prefix).rpartition(".")
        if kind == _STEP_COUNT or any(re.fullmatch(pattern, key) for pattern in ignore):
            continue
        name = f"{_layer_name(module, rename)}.{kind}"
        if key.startswith(prefix) and name not in tensors:
            tensors[name] = key
        else:
            unexpected.append(key)
    return tensors, unexpected


def _layer_name(module: str, rename: Mapping[str, str]) -> str:
    start = max((path for path in rename if f"{module}.".startswith(f"{path}.")), key=len, default=None)
    if start is None:
        return module.replace(".", "_")
    rest = module[len(start) + 1 :].replace(".", "_")
    return "_".join(filter(None, (rename[start], rest)))


def _architecture(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    depths = [0, 0, 0, 0]
    bottleneck = False
    for name, shape in shapes.items():
        if match := _BLOCK_CONVOLUTION.fullmatch(name):
            stage, block, convolution = map(int, match.groups())
            depths[stage - 1] = max(depths[stage - 1], block + 1)
            bottleneck |= convolution == 3
            if (stage, convolution) == (1, 2) and shape != _FIRST_STAGE_CONV2:
                return None
    return _ARCHITECTURES.get((tuple(depths), bottleneck))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name)[1:-1][:80] for name in names[:_LISTED])
    return shown + (", ..." if len(names) > _LISTED else "")
