"""A ResNet from one model to another."""

import keras
import numpy as np
import pytest
from small_networks import small_resnet18

import tfiqa
from tfiqa.errors import CheckpointError
from tfiqa.models.model_info import model_spec


@pytest.fixture(scope="module", autouse=True)
def small():
    with small_resnet18():
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model whose every weight is another number, and its file."""
    model = tfiqa.build_model("spaq_bl", backbone="resnet18")
    for number, weight in enumerate(model.weights):
        weight.assign(np.full(weight.shape, 1 + number / 100))
    path = tmp_path_factory.mktemp("model") / "spaq.keras"
    model.save(path)
    return model, path


def seeded(name, weights):
    keras.utils.set_random_seed(3)
    return tfiqa.build_model(name, weights=weights, backbone="resnet18")


@pytest.mark.parametrize("name", ["paq2piq_roipool", "paq2piq_feedback", "unique", "spaq_mt_a"])
def test_all_but_the_head_is_the_others(name, trained):
    source, path = trained
    weights = {layer.name: layer.get_weights() for layer in source.layers}
    fresh, model = seeded(name, None), seeded(name, path)
    head = model_spec(name).head
    of_body = [layer.name for layer in model.layers if layer.weights and layer.name not in head]
    assert len(of_body) == sum(bool(layer.weights) for layer in source.layers) - 1
    for layer in model.layers:
        expected = weights[layer.name] if layer.name in of_body else fresh.get_layer(layer.name).get_weights()
        for value, same in zip(layer.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(value, same)


def test_what_does_not_fit(trained):
    _, path = trained
    with pytest.raises(CheckpointError, match=r"spaq_bl holds no whole backbone for spaq_mt_s \(it lacks semantic_"):
        tfiqa.build_model("spaq_mt_s", weights=path, backbone="resnet18")
    with pytest.raises(CheckpointError, match="holds spaq_bl, not unique"):
        tfiqa.build_model("unique", weights=path, backbone="resnet34")
