"""Exported models that see whole pictures: large ones go through the network in strips."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scenes import scene

from tfiqa.models.deepfl import DeepflOptions
from tfiqa.models.model_info import info_of
from tfiqa.models.quality_model import quality_model
from tfiqa.pipelines import strips
from tfiqa.pipelines.scoring import PicturePredictor
from tfiqa.serving.package import export_model
from tfiqa.serving.picture_graph import score_pictures_graph

PLAIN = 60 * 80


def encoded(height, width):
    stream = io.BytesIO()
    Image.fromarray(scene(height, height, width)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def model():
    """Two convolutions under the name of a model that sees whole pictures."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, 2, "same")(x))
    return quality_model(image, {"quality": keras.layers.Dense(1)(x)}, info_of("deepfl", DeepflOptions("resnet18")))


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, "PLAIN_PIXELS", PLAIN)
        patch.setattr(strips, "STRIP_VALUES", 5000)
        return export_model(model, tmp_path_factory.mktemp("saved_models") / "whole")


PICTURES = [encoded(60, 80), encoded(60, 81), encoded(200, 90), encoded(40, 40)]


@pytest.fixture(scope="module")
def want(model):
    predictor = PicturePredictor(model)
    return np.array([predictor.predict(picture)["quality"][0] for picture in PICTURES])


def test_all_sizes_are_scored_alike(version, want):
    served = tf.saved_model.load(str(version)).signatures["serving_default"](image_bytes=tf.constant(PICTURES))
    np.testing.assert_allclose(served["quality"], want, rtol=1e-5)


def test_pixels_of_all_sizes_too(version, model):
    by_pixels = tf.saved_model.load(str(version)).signatures["image"]
    for height, width in ((60, 80), (60, 81), (200, 90)):
        pixels = scene(height, height, width)[np.newaxis].repeat(2, axis=0).astype(np.float32)
        np.testing.assert_allclose(by_pixels(image=tf.constant(pixels))["quality"], model(pixels)["quality"], rtol=1e-5)


def test_in_the_session_of_tf_serving(version, want):
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        signature = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(version)).signature_def[
            "serving_default"
        ]
        feed = {signature.inputs["image_bytes"].name: PICTURES}
        served = session.run(signature.outputs["quality"].name, feed)
    np.testing.assert_allclose(served, want, rtol=1e-5)


def test_only_large_pictures_go_in_strips(model, want, monkeypatch):
    monkeypatch.setattr(strips, "PLAIN_PIXELS", PLAIN)
    convolve = strips._convolve
    monkeypatch.setattr(strips, "_convolve", lambda *arguments: convolve(*arguments) + 1)
    scores = score_pictures_graph(model, tf.constant(PICTURES))["quality"].numpy()
    assert np.isclose(scores, want, rtol=1e-5).tolist() == [True, False, False, True]
