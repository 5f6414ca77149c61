"""Pictures one by one through a graph: which the model takes, and what becomes of the others."""

import io
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.deepfl import DeepflOptions
from tfiqa.models.model_info import info_of
from tfiqa.serving.each_picture_graph import each_picture_graph, size_limits, size_refusal

INFO = info_of("deepfl", DeepflOptions("resnet18"))


def png(height, width, level):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (level, level, level)).save(stream, "PNG")
    return stream.getvalue()


def test_one_bad_picture_has_nan_of_the_right_shapes_and_the_others_their_values():
    def outputs(picture, factor):
        level = tf.cast(picture[0, 0, 0], tf.float32)
        return {"one": level * factor[0], "many": tf.stack([level, -level]), "each": level * factor}

    def shapes(factor):
        return {"one": [], "many": [2], "each": [tf.shape(factor)[0]]}

    info = replace(INFO, protocol=PictureProtocol("pad:20:white"))
    graph = tf.function(
        lambda data, factor: each_picture_graph(info, data, (factor,), outputs, shapes), autograph=False
    )
    data = [png(9, 5, 7), b"text", png(21, 3, 9), png(1, 20, 8)]
    out = graph(tf.constant(data), tf.constant([[1.0, 2, 3]] * 4))
    nan = np.nan
    np.testing.assert_array_equal(out["one"], [7, nan, nan, 8])
    np.testing.assert_array_equal(out["many"], [[7, -7], [nan, nan], [nan, nan], [8, -8]])
    np.testing.assert_array_equal(out["each"], [[7, 14, 21], [nan] * 3, [nan] * 3, [8, 16, 24]])
    assert out["error"].numpy()[[0, 3]].tolist() == [b"", b""]
    assert out["error"].numpy()[2] == b"has 3 x 21 pixels; the model takes sides up to 20"


PROTOCOLS = {
    "patches within": PictureProtocol("native", 16, 8, "within"),
    "patches within, scaled": PictureProtocol("shorter_side:20", 16, 8, "within"),
    "patches flush": PictureProtocol("native", 16, 8),
    "square": PictureProtocol("pad:18:white"),
    "stretched": PictureProtocol("stretch:16", 16, 8, "within"),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_what_the_protocol_refuses_is_refused_before(name):
    protocol = PROTOCOLS[name]
    info = replace(INFO, protocol=protocol)
    for height, width in ((15, 30), (30, 15), (16, 30), (16, 16), (1, 1), (17, 19), (18, 18)):
        try:
            protocol.prepare(np.zeros((height, width, 3), np.uint8))
            taken = True
        except ValueError:
            taken = False
        reason = size_refusal(info, tf.zeros((height, width, 3), tf.uint8)).numpy()
        assert (reason == b"") == taken, (height, width)
        assert reason == b"" or reason.startswith(f"has {width} x {height} pixels; the model takes sides ".encode())


def test_networks_that_end_the_process_at_small_sides_are_never_given_them():
    assert size_limits(info_of("deepfl", DeepflOptions("inception_resnet_v2"))) == (75, None)
    assert size_limits(INFO) == (1, None)
