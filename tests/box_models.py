"""Models whose score is the brightness of a picture and of boxes in it, so that a test knows it beforehand."""

import keras
import numpy as np

from tfiqa.models.layers import PictureBoxes, RoIPooling
from tfiqa.models.model_info import info_of
from tfiqa.models.paq2piq import Paq2PiqOptions
from tfiqa.models.quality_model import quality_model


def brightest_cell():
    """A model with the input `boxes`: the score is that of the brightest cell of 32x32 pixels in picture or box."""
    inputs = {
        "image": keras.Input((None, None, 3), name="image"),
        "boxes": keras.Input((None, 4), name="boxes", optional=True),
        "picture_box": keras.Input((4,), name="picture_box", optional=True),
    }
    cells = keras.layers.AveragePooling2D(32, padding="same")(inputs["image"])
    scores = keras.ops.max(RoIPooling()(cells, PictureBoxes()(*inputs.values())), axis=(2, 3, 4))
    info = info_of("paq2piq_roipool", Paq2PiqOptions())
    return quality_model(inputs, {"quality": scores[:, :1], "box_quality": scores[:, 1:]}, info)


def mean_brightness():
    """A model without boxes: the score is the mean of the green channel."""
    image = keras.Input((None, None, 3), name="image")
    mean = keras.layers.GlobalAveragePooling2D()(image[..., 1:2])
    return quality_model(image, {"quality": mean}, info_of("paq2piq_baseline", Paq2PiqOptions()))


def squares(rows):
    """A picture of grey squares of 32x32 pixels, uint8 (H, W, 3)."""
    levels = np.kron(np.array(rows), np.ones((32, 32), int)).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)
