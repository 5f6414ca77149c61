"""UNIQUE from files as PyTorch writes them: with and without a prefix, in its newer and older serialisation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_files import stream_bytes, tensor, write, zip_bytes

import tfiqa
from tfiqa.errors import CheckpointError
from tfiqa.models.unique import UniqueOptions, build_unique
from tfiqa.weights import importers

State = dict[str, np.ndarray[Any, Any]]
TORCH = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ResNet-18 stands for the body: the released files have the same names with more of them."""
    monkeypatch.setattr(importers, "build_model", lambda name: build_unique(UniqueOptions("resnet18")))


@pytest.fixture(scope="module")
def state() -> State:
    """The tensors that the authors' code would save, ImageNet's unused classes among them."""
    rng = np.random.default_rng(0)
    state = {}
    for weight in build_unique(UniqueOptions("resnet18")).weights:
        layer, kind = weight.path.split("/")[-2:]
        module = "fc" if layer == "fc" else f"backbone.{layer.replace('_', '.')}"
        value = rng.uniform(0.5, 1, weight.shape).astype(np.float32)
        if kind == "kernel":
            value, kind = np.moveaxis(value, (-1, -2), (0, 1)), "weight"
        state[f"{module}.{TORCH.get(kind, kind)}"] = value
    return state | {"backbone.fc.weight": np.ones((10, 512), np.float32), "backbone.fc.bias": np.ones(10, np.float32)}


@pytest.mark.parametrize(
    ("prefix", "serialise", "device"), [("", zip_bytes, "cpu"), ("module.", stream_bytes, "cuda:0")]
)
def test_every_tensor_has_its_place(
    prefix: str, serialise: Callable[..., bytes], device: str, state: State, tmp_path: Path
) -> None:
    content = serialise({f"{prefix}{name}": tensor(value, device) for name, value in state.items()})
    model = tfiqa.import_weights("unique", write(tmp_path / "model.pt", content))
    assert len(model.weights) == len(state) - 2
    for weight in model.weights:
        layer, kind = weight.path.split("/")[-2:]
        module = "fc" if layer == "fc" else f"backbone.{layer.replace('_', '.')}"
        value = np.asarray(weight)
        if kind == "kernel":
            value, kind = np.moveaxis(value, (-1, -2), (0, 1)), "weight"
        np.testing.assert_array_equal(value, state[f"{module}.{TORCH.get(kind, kind)}"])


def test_what_is_missing_is_told(state: State, tmp_path: Path) -> None:
    some = {name: tensor(value) for name, value in state.items() if name != "fc.bias"}
    with pytest.raises(CheckpointError, match=r"does not fit unique: 1 missing \(fc/bias\)"):
        tfiqa.import_weights("unique", write(tmp_path / "model.pt", zip_bytes(some)))
