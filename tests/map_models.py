"""Small models of three kinds for tests of quality maps; the score is the brightness of cells of 32x32 pixels."""

import keras
import numpy as np

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.layers import ConcatPooling, PictureBoxes, RoIPooling
from tfiqa.models.model_info import ModelInfo, info_of
from tfiqa.models.paq2piq import SCALE, Paq2PiqOptions
from tfiqa.models.quality_model import quality_model
from tfiqa.score_scale import ScoreScale


def cells(image):
    return keras.layers.AveragePooling2D(32, padding="same")(image)


def box_model(relative=()):
    """Of the picture and of each box, the brightest cell; `relative` boxes stand in for none, and the picture's score is then the
    darkest of theirs."""
    image = keras.Input((None, None, 3), name="image")
    boxes = keras.Input((None, 4), name="boxes", optional=True)
    picture_box = keras.Input((4,), name="picture_box", optional=True)
    bins = RoIPooling()(cells(image), PictureBoxes(relative, name="all_boxes")(image, boxes, picture_box))
    scores = keras.ops.max(bins, axis=(2, 3, 4))
    quality = keras.ops.min(scores[:, 1 : 1 + len(relative)], axis=1, keepdims=True) if relative else scores[:, :1]
    inputs = {"image": image, "boxes": boxes, "picture_box": picture_box}
    outputs = {"quality": quality, "box_quality": scores[:, 1:]}
    return quality_model(inputs, outputs, info_of("paq2piq_roipool", Paq2PiqOptions()))


def baseline():
    """Like `paq2piq_baseline` from its features on; its head is the sum of brightest and mean cell, less 1."""
    image = keras.Input((None, None, 3), name="image")
    maps = keras.layers.Identity(name="features")(cells(image))
    x = ConcatPooling(name="concat_pool")(maps)
    for place in range(2, 8):
        x = keras.layers.Identity(name=f"head_{place}")(x)
    quality = keras.layers.Dense(1, name="head_8")(x)
    model = quality_model(image, {"quality": quality}, info_of("paq2piq_baseline", Paq2PiqOptions()))
    model.get_layer("head_8").set_weights([np.full((6, 1), 1 / 3, np.float32), np.full(1, -1, np.float32)])
    return model


def picture_model(protocol=None, scale=SCALE):
    """The mean brightness, of models that know no boxes."""
    image = keras.Input((None, None, 3), name="image")
    quality = keras.ops.mean(image, axis=(1, 2, 3))[:, None]
    protocol = protocol or PictureProtocol()
    info = ModelInfo("spaq_bl", {}, protocol, scale, {"quality": ("quality",)})
    return quality_model(image, {"quality": quality}, info)


LOW_IS_GOOD = ScoreScale(0.0, 255.0, False, "darkness")


def squares(rows, side=32):
    """A grey picture of squares, uint8 (H, W, 3)."""
    grey = np.kron(np.array(rows), np.ones((side, side))).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
