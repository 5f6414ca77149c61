"""Scores of boxes in encoded pictures."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfiqa.models.layers import PictureBoxes, RoIPooling
from tfiqa.models.model_info import info_of
from tfiqa.models.outputs import output_widths, patch_outputs
from tfiqa.models.paq2piq import Paq2PiqOptions
from tfiqa.models.quality_model import quality_model
from tfiqa.pipelines.box_scoring import takes_boxes
from tfiqa.serving.box_graph import score_boxes_graph
from tfiqa.serving.package import export_model


@pytest.fixture(scope="module")
def model():
    """A box's score is the brightest cell of 32x32 pixels in it."""
    inputs = {
        "image": keras.Input((None, None, 3), name="image"),
        "boxes": keras.Input((None, 4), name="boxes", optional=True),
    }
    cells = keras.layers.AveragePooling2D(32, padding="same")(inputs["image"])
    bins = RoIPooling()(cells, PictureBoxes()(inputs["image"], inputs["boxes"]))
    scores = keras.ops.max(bins, axis=(2, 3, 4))
    outputs = {"quality": scores[:, 0, None], "box_quality": scores[:, 1:]}
    return quality_model(inputs, outputs, info_of("paq2piq_roipool", Paq2PiqOptions()))


def encoded(form, *rows):
    """A picture of grey squares of 32x32 pixels."""
    grey = np.kron(np.array(rows), np.ones((32, 32))).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(stream, form, quality=100)
    return stream.getvalue()


DATA = [encoded("PNG", [10, 20, 30], [40, 50, 60]), encoded("JPEG", [200, 90])]
BOXES = np.array([[[0, 0, 15, 15], [32, 0, 60, 20]], [[32, 0, 64, 32], [500, 0, 600, 50]]], np.float32)
SCORES = [[10, 60], [90, 0]]  # the second box ends with the cells 2 and 1


def test_boxes_of_pictures_of_several_sizes(model):
    assert takes_boxes(model)
    out = score_boxes_graph(model, tf.constant(DATA), tf.constant(BOXES))
    np.testing.assert_allclose(out["quality"], [60, 200], atol=1)
    np.testing.assert_allclose(out["box_quality"], SCORES, atol=1)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_box_that_is_nowhere_is_an_error_of_its_picture_alone(model, number):
    boxes = BOXES.copy()
    boxes[0, 1, 2] = number
    out = score_boxes_graph(model, tf.constant(DATA), tf.constant(boxes))
    assert out["error"].numpy().tolist() == [b"comes with a box of numbers that are not finite", b""]
    np.testing.assert_allclose(out["quality"], [np.nan, 200], atol=1)
    np.testing.assert_allclose(out["box_quality"], [[np.nan, np.nan], SCORES[1]], atol=1)


def test_a_pictures_score_row_has_no_boxes(model):
    outputs = model(np.zeros((1, 32, 32, 3), np.float32))
    assert list(patch_outputs(outputs)) == ["quality"]
    assert output_widths(model) == {"quality": 1}


def test_exported(model, tmp_path):
    version = export_model(model, tmp_path / "boxes")
    signatures = tf.saved_model.load(str(version)).signatures
    out = signatures["boxes"](image_bytes=tf.constant(DATA), boxes=tf.constant(BOXES))
    np.testing.assert_allclose(out["box_quality"], SCORES, atol=1)
    out = signatures["boxes"](image_bytes=tf.constant([b"text", DATA[1]]), boxes=tf.constant(BOXES))
    np.testing.assert_allclose(out["quality"], [np.nan, 200], atol=1)
    np.testing.assert_allclose(out["box_quality"], [[np.nan, np.nan], SCORES[1]], atol=1)
    assert out["error"][0].numpy().startswith(b"is no JPEG, PNG,")
    out = signatures["serving_default"](image_bytes=tf.constant(DATA))
    assert sorted(out) == ["error", "quality"]
    np.testing.assert_allclose(out["quality"], [60, 200], atol=1)
    out = signatures["image"](image=tf.fill((2, 40, 50, 3), 7.0))
    assert list(out) == ["quality"]
    np.testing.assert_allclose(out["quality"], [[7], [7]])
    check_warm_up(version, signatures)


def check_warm_up(version, signatures):
    """Its requests to boxes and maps are answered."""
    prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    asked = []
    for record in tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests")):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        asked.append(request.model_spec.signature_name)
        assert set(signatures[asked[-1]](**inputs)["error"].numpy()) == {b""}
    assert asked == ["serving_default"] * 4 + ["boxes", "map"]
