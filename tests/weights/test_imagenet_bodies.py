"""Which layers of each model ImageNet weights fill."""

import numpy as np
import pytest

import tfiqa
from tfiqa.weights import build, torch_checkpoint

TORCH = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}


@pytest.fixture
def reference(monkeypatch):
    """A ResNet-18 classifier whose weights, under torch's names, stand for torchvision's file."""
    model = tfiqa.build_model("resnet18")
    state = {}
    for weight in model.weights:
        layer, kind = weight.path.split("/")[-2:]
        value = np.asarray(weight)
        if kind == "kernel":
            value = np.moveaxis(value, (-2, -1), (1, 0))
        state[f"{layer.replace('_', '.')}.{TORCH.get(kind, 'running_var' if 'variance' in kind else kind)}"] = value
    monkeypatch.setattr(build, "imagenet_checkpoint", lambda backbone: f"{backbone}.pth")
    monkeypatch.setattr(torch_checkpoint, "state_dict", lambda path: state)
    return model


@pytest.mark.parametrize(
    ("name", "options", "prefixes"),
    [
        ("spaq_bl", {}, ("",)),
        ("spaq_mt_e", {}, ("",)),
        ("spaq_mt_s", {}, ("", "semantic_")),
        ("spaq_mt_s", {"split": 1}, ("", "semantic_")),
        ("spaq_mt_s", {"split": 17}, ("", "semantic_")),
    ],
)
def test_every_branch_gets_them_and_heads_stay_fresh(name, options, prefixes, reference):
    model = tfiqa.build_model(name, weights="imagenet", backbone="resnet18", **options)
    filled = set()
    for layer in model.layers:
        prefix = max((prefix for prefix in prefixes if layer.name.startswith(prefix)), key=len)
        source = layer.name.removeprefix(prefix)
        if layer.weights and source.startswith(("conv1", "bn1", "layer")):
            for got, want in zip(layer.get_weights(), reference.get_layer(source).get_weights(), strict=True):
                np.testing.assert_array_equal(got, want)
            filled.add(source)
    own = {layer.name for layer in reference.layers if layer.weights and layer.name != "fc"}
    assert filled == own
    for prefix in prefixes:
        head = model.get_layer(f"{prefix}fc").kernel
        assert np.abs(np.asarray(head)[:, 0] - np.asarray(reference.get_layer("fc").kernel)[:, 0]).max() > 0
