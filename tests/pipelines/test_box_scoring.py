"""Scores of boxes in whole pictures."""

import keras
import numpy as np
import pytest
from PIL import Image

from tfiqa.errors import InvalidInput, PictureError
from tfiqa.models.layers import PictureBoxes, RoIPooling
from tfiqa.models.model_info import info_of
from tfiqa.models.paq2piq import Paq2PiqOptions
from tfiqa.models.quality_model import quality_model
from tfiqa.pipelines.box_scoring import BoxPredictor

STAND_INS = ((0.0, 0.0, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9), (0.0, 0.5, 0.4, 0.9))


def brightest(relative=()):
    """A box's score is the brightest cell of 32x32 pixels in it; with stand-ins, a picture's is the mean of three boxes'."""
    inputs = {
        "image": keras.Input((None, None, 3), name="image"),
        "boxes": keras.Input((None, 4), name="boxes", optional=True),
        "picture_box": keras.Input((4,), name="picture_box", optional=True),
    }
    cells = keras.layers.AveragePooling2D(32, padding="same")(inputs["image"])
    bins = RoIPooling()(cells, PictureBoxes(relative)(*inputs.values()))
    scores = keras.ops.max(bins, axis=(2, 3, 4))
    quality = keras.ops.mean(scores[:, 1:4], axis=1, keepdims=True) if relative else scores[:, :1]
    return quality_model(
        inputs, {"quality": quality, "box_quality": scores[:, 1:]}, info_of("paq2piq_roipool", Paq2PiqOptions())
    )


def grey(*rows):
    """A picture of grey squares of 32x32 pixels."""
    levels = np.kron(np.array(rows), np.ones((32, 32), int)).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


PICTURE = grey([10, 20, 30], [40, 50, 60])
BOXES = np.array([[0, 0, 15, 15], [32, 0, 60, 20]], np.float32)


def test_boxes_in_one_pass():
    scores = BoxPredictor(brightest()).predict(PICTURE, BOXES)
    assert scores.quality == 60
    np.testing.assert_array_equal(scores.box_quality, [10, 60])
    assert BoxPredictor(brightest()).predict(PICTURE, np.zeros((0, 4))).box_quality.shape == (0,)


def test_padding_moves_boxes():
    padded = BoxPredictor(brightest(), resize="pad:160:black").predict(PICTURE, np.array([[64, 0, 70, 10]]))
    image = np.zeros((160, 160))
    image[48:112, 32:128] = PICTURE[..., 0]
    cells = image.reshape(5, 32, 5, 32).mean(axis=(1, 3))
    assert padded.quality == pytest.approx(cells[2:5, 1:5].max())  # 48/32 rounds to 2, 112/32 to 4
    assert padded.box_quality[0] == pytest.approx(cells[2, 3])


def test_what_is_fed_back():
    model = brightest(STAND_INS)
    alone = float(model(PICTURE[None].astype(np.float32))["quality"][0, 0])
    scores = BoxPredictor(model).predict(PICTURE, BOXES)
    assert scores.quality == pytest.approx(alone)
    np.testing.assert_array_equal(scores.box_quality, [10, 60])
    guided = BoxPredictor(model, guided=True)
    scores = guided.predict(PICTURE, np.concatenate([BOXES, BOXES[:1]]))
    assert scores.quality == pytest.approx((10 + 60 + 10) / 3)
    np.testing.assert_array_equal(scores.box_quality, [10, 60, 10])
    with pytest.raises(InvalidInput, match=r"takes 3 boxes or more to feed back\. Received: 2"):
        guided.predict(PICTURE, BOXES)


def mean_model():
    image = keras.Input((None, None, 3), name="image")
    return quality_model(
        image,
        {"quality": keras.ops.mean(image, axis=(1, 2, 3))[:, None]},
        info_of("paq2piq_baseline", Paq2PiqOptions()),
    )


def test_models_without_boxes_score_crops():
    boxes = np.array(
        [[0, 0, 32, 32], [32.4, -9, 64.4, 31.6], [500, 0, 600, 9], [9, 9, 9, 20], [20, 0, 10, 9], [np.nan] * 4]
    )
    scores = BoxPredictor(mean_model()).predict(PICTURE, boxes)
    assert scores.quality == pytest.approx(35)
    np.testing.assert_allclose(scores.box_quality, [10, 20, *[np.nan] * 4])


def test_crops_are_resized_as_pictures_are():
    scores = BoxPredictor(mean_model(), resize="pad:96:black").predict(PICTURE, np.array([[0, 0, 32, 32]]))
    assert scores.quality == pytest.approx(35 * 64 / 96)
    assert scores.box_quality[0] == pytest.approx(10 / 9)


def test_exif_models_take_the_pictures_numbers():
    image, exif = keras.Input((None, None, 3), name="image"), keras.Input((8,), name="exif")
    quality = keras.ops.mean(image, axis=(1, 2, 3))[:, None] + 1000 * exif[:, :1]
    info = info_of("paq2piq_baseline", Paq2PiqOptions())
    model = quality_model({"image": image, "exif": exif}, {"quality": quality}, info)
    numbers = np.arange(1.0, 9.0)
    one, other = (BoxPredictor(model).predict(PICTURE, BOXES[:1], exif) for exif in (numbers, numbers * 2))
    assert one.quality != other.quality
    assert one.box_quality[0] - other.box_quality[0] == pytest.approx(one.quality - other.quality)


def test_many_pictures_in_order_with_their_errors(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "one.png")
    Image.fromarray(PICTURE[:, :32]).save(tmp_path / "two.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    items = [(tmp_path / name, BOXES[:1]) for name in ("one.png", "broken.png", "two.png")]
    one, broken, two = BoxPredictor(brightest()).predict_all(iter(items))
    assert (one.quality, two.quality) == (60, 40)
    assert isinstance(broken, PictureError)
    assert "broken.png" in str(broken)
    refused = list(BoxPredictor(brightest(), resize="pad:64:white").predict_all(items))
    assert "one.png" in str(refused[0])
    assert "at most 64 pixels" in str(refused[0])
    assert refused[2].quality > 0
