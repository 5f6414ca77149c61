"""DB-CNN from files of the authors' PyTorch code, and its first stream from torchvision's."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras_files import with_random_weights
from torch_files import tensor, write, zip_bytes

import tfiqa
from tfiqa.errors import CheckpointError
from tfiqa.weights import build, torch_checkpoint
from tfiqa.weights.build import ensure_weights

State = dict[str, np.ndarray[Any, Any]]
VGG16_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def vgg16_state(path: str) -> State:
    """torchvision's tensors of VGG-16's convolutions, as small numbers that differ."""
    channels = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    rng = np.random.default_rng(0)
    state = {}
    for number, (inputs, outputs) in zip(VGG16_NUMBERS, pairwise(channels), strict=True):
        state[f"{path}.{number}.weight"] = rng.normal(0, 0.02, (outputs, inputs, 3, 3)).astype(np.float32)
        state[f"{path}.{number}.bias"] = rng.normal(0, 0.02, outputs).astype(np.float32)
    return state


def authors_state(batch_norm: bool) -> State:
    """The tensors of a whole DB-CNN, as the authors name them."""
    rng = np.random.default_rng(1)
    state = vgg16_state("features1")
    widths = (3, 48, 48, 64, 64, 64, 64, 128, 128, 128)
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        module = f"features2.{i * (3 if batch_norm else 2)}"
        state[f"{module}.weight"] = rng.normal(0, 0.05, (outputs, inputs, 3, 3)).astype(np.float32)
        state[f"{module}.bias"] = rng.normal(0, 0.05, outputs).astype(np.float32)
        for name in ("weight", "bias", "running_mean", "running_var") if batch_norm else ():
            state[f"features2.{3 * i + 1}.{name}"] = rng.uniform(0.5, 1, outputs).astype(np.float32)
    state["fc.weight"] = rng.normal(0, 0.02, (1, 512 * 128)).astype(np.float32)
    state["fc.bias"] = np.array([3.5], np.float32)
    return state


@pytest.mark.parametrize(("batch_norm", "prefix"), [(False, ""), (True, "module.")])
def test_every_tensor_of_the_authors_file_has_its_place(batch_norm: bool, prefix: str, tmp_path: Path) -> None:
    state = authors_state(batch_norm)
    content = zip_bytes({f"{prefix}{name}": tensor(value) for name, value in state.items()})
    model = tfiqa.import_weights("dbcnn", write(tmp_path / "net_params_best.pkl", content))
    assert model.info.options == {"batch_norm": batch_norm}
    assert len(model.weights) == len(state)
    for layer in model.layers:
        if layer.weights:
            module = layer.name.replace("_", ".")
            found = layer.get_weights()
            if found[0].ndim > 1:
                found[0] = np.moveaxis(found[0], (-1, -2), (0, 1))
            np.testing.assert_array_equal(found[0], state[f"{module}.weight"])
            np.testing.assert_array_equal(found[1], state[f"{module}.bias"])
            for value, name in zip(found[2:], ("running_mean", "running_var"), strict=False):
                np.testing.assert_array_equal(value, state[f"{module}.{name}"])


def test_a_file_with_two_outputs_does_not_fit(tmp_path: Path) -> None:
    state = authors_state(False) | {
        "fc.weight": np.zeros((2, 512 * 128), np.float32),
        "fc.bias": np.zeros(2, np.float32),
    }
    path = write(tmp_path / "two.pt", zip_bytes({name: tensor(value) for name, value in state.items()}))
    with pytest.raises(CheckpointError, match="of another shape"):
        tfiqa.import_weights("dbcnn", path)


def test_imagenet_weights_fill_the_first_stream_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    state = vgg16_state("features")
    state |= {f"classifier.{number}.weight": np.zeros((2, 2), np.float32) for number in (0, 3, 6)}  # not used
    asked = []
    monkeypatch.setattr(build, "imagenet_checkpoint", lambda name: asked.append(name) or Path(f"{name}.pth"))
    monkeypatch.setattr(torch_checkpoint, "state_dict", lambda path: state)
    ensure_weights("dbcnn", "imagenet", {})
    keras.utils.set_random_seed(0)
    fresh = tfiqa.build_model("dbcnn")
    keras.utils.set_random_seed(0)
    model = tfiqa.build_model("dbcnn", weights="imagenet")
    assert asked == ["vgg16", "vgg16"]
    for number in VGG16_NUMBERS:
        kernel, bias = model.get_layer(f"features1_{number}").get_weights()
        np.testing.assert_array_equal(kernel, np.transpose(state[f"features.{number}.weight"], (2, 3, 1, 0)))
        np.testing.assert_array_equal(bias, state[f"features.{number}.bias"])
    for layer in fresh.layers:
        if layer.weights and not layer.name.startswith("features1"):
            for got, want in zip(model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
                np.testing.assert_array_equal(got, want)


def test_a_file_with_another_streams_shape_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    state = vgg16_state("features")
    del state["features.28.bias"]
    monkeypatch.setattr(build, "imagenet_checkpoint", lambda name: Path(f"{name}.pth"))
    monkeypatch.setattr(torch_checkpoint, "state_dict", lambda path: state)
    model = with_random_weights(tfiqa.build_model("dbcnn"))
    before = model.get_weights()
    with pytest.raises(CheckpointError, match=r"vgg16\.pth does not fit vgg16: 1 missing \(features1_28/bias\)"):
        build.load_imagenet(model)
    for got, want in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)
