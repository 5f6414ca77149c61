"""Any model with an uncertainty beside its quality."""

import keras
import numpy as np
import pytest

import tfiqa
from tfiqa.errors import InvalidInput
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import ModelInfo
from tfiqa.models.quality_model import quality_model
from tfiqa.models.with_uncertainty import HEAD, with_uncertainty
from tfiqa.weights.build import read_model

SMALL = {"backbone": "resnet18"}
# Model, options, and the layer whose input the new one takes too.
MODELS = [
    ("spaq_bl", SMALL, "fc"),
    ("spaq_mt_a", SMALL, "fc"),
    ("spaq_mt_e", SMALL, "fc"),
    ("spaq_mt_s", SMALL, "fc"),
    ("deepfl", {"body": "mobilenet_v3_small"}, "quality_fc4"),
    ("dbcnn", {}, "fc"),
    ("paq2piq_roipool", SMALL, "head_8"),
    ("paq2piq_feedback", SMALL, "image_head_6"),
]


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).uniform(0, 255, (2, 50, 66, 3)).astype(np.float32)


def inputs_of(model, picture):
    exif = np.random.default_rng(1).normal(size=(2, 8)).astype(np.float32)
    return {"image": picture, "exif": exif} if "exif" in {each.name for each in model.inputs} else picture


@pytest.mark.parametrize(("name", "options", "layer"), MODELS)
def test_quality_stays_and_the_uncertainty_is_of_its_features(name, options, layer, picture):
    model = tfiqa.build_model(name, **options)
    uncertain = with_uncertainty(model)
    inputs = inputs_of(model, picture)
    out = {key: np.asarray(value) for key, value in uncertain(inputs, training=False).items()}
    assert {key: value.shape for key, value in out.items()} == {"quality": (2, 1), "uncertainty": (2, 1)}
    np.testing.assert_array_equal(out["quality"], model(inputs, training=False)["quality"])
    assert uncertain.info.columns == {"quality": ("quality",), "uncertainty": ("uncertainty",)}
    assert (uncertain.info.model, uncertain.info.scale) == (model.info.model, model.info.scale)

    # The positive part of a linear function of what the quality's last layer takes.
    taken = model.get_layer(layer).input
    assert uncertain.get_layer(HEAD).input is taken
    features = quality_model(model.input, {"features": taken}, model.info)(inputs, training=False)["features"]
    features = np.asarray(features, np.float64)
    features = features[:, 0] if features.ndim == 3 else features  # of boxes, the first of them the picture
    kernel, bias = uncertain.get_layer(HEAD).get_weights()
    np.testing.assert_allclose(out["uncertainty"], np.log1p(np.exp(features @ kernel + bias)), rtol=1e-4)


def test_layers_are_shared_with_the_model(picture):
    model = tfiqa.build_model("spaq_bl", **SMALL)
    uncertain = with_uncertainty(model)
    model.get_layer("fc").bias.assign([7.0])
    assert uncertain.get_layer("fc") is model.get_layer("fc")
    assert len(uncertain.weights) == len(model.weights) + 2
    np.testing.assert_array_equal(uncertain(picture)["quality"], model(picture)["quality"])


def test_a_model_that_has_it_keeps_its_own():
    model = tfiqa.build_model("unique", **SMALL)
    again = with_uncertainty(model)
    assert HEAD not in [layer.name for layer in again.layers]
    assert [id(tensor) for tensor in again.output.values()] == [id(tensor) for tensor in model.output.values()]
    assert HEAD in [
        layer.name for layer in with_uncertainty(tfiqa.build_model("unique", uncertainty=False, **SMALL)).layers
    ]


def test_saving(picture, tmp_path):
    model = with_uncertainty(tfiqa.build_model("spaq_mt_a", **SMALL))
    model.save(tmp_path / "m.keras")
    again = read_model(tmp_path / "m.keras")
    assert again.info == model.info
    for name, values in model(picture, training=False).items():
        np.testing.assert_array_equal(values, again(picture, training=False)[name])


def test_what_has_nothing_to_learn_it_from():
    with pytest.raises(InvalidInput, match="resnet18 tells no quality"):
        with_uncertainty(tfiqa.build_model("resnet18"))
    image = keras.Input((None, None, 1), name="image")
    mean = keras.layers.GlobalAveragePooling2D(name="mean")(image)
    brightness = quality_model(
        image, {"quality": mean}, ModelInfo("brightness", {}, PictureProtocol(), None, {"quality": ("quality",)})
    )
    with pytest.raises(InvalidInput, match="brightness has no dense layer"):
        with_uncertainty(brightness)
