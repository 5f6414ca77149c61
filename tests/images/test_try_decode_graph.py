"""Decoding in a graph that goes on after a picture that cannot be decoded."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scenes import scene

from tfiqa.images.decode import decode_picture
from tfiqa.images.try_decode_graph import try_decode_graph

DECODE = tf.function(try_decode_graph, input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
PICTURE = Image.fromarray(scene(0, 40, 56))


def encoded(form, image=PICTURE, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded("JPEG", exif=exif)


GOOD = {
    "JPEG": encoded("JPEG"),
    "turned JPEG": turned(),
    "PNG": encoded("PNG"),
    "transparent PNG": encoded("PNG", PICTURE.convert("RGBA")),
    "GIF": encoded("GIF", PICTURE.quantize(32)),
    "BMP": encoded("BMP"),
    "WebP": encoded("WEBP", lossless=True),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_sound_picture_is_what_pillow_gives(name):
    picture, reason = DECODE(GOOD[name])
    np.testing.assert_array_equal(picture, decode_picture(GOOD[name]))
    assert reason == b""


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6])
def test_a_truncated_picture_has_a_reason(name, part):
    picture, reason = DECODE(GOOD[name][: int(len(GOOD[name]) * part)])
    assert picture.shape == (0, 0, 3)
    assert b"damaged" in reason.numpy() or reason == b"is no JPEG, PNG, GIF, BMP or WebP picture; others " + CONVERT


CONVERT = b"have to be converted, to PNG for example"


def test_bytes_that_were_damaged_fail_nothing():
    rng = np.random.default_rng(0)
    for data in GOOD.values():
        for _ in range(4):
            broken = bytearray(data)
            for place in rng.integers(0, len(broken), 8):
                broken[place] = rng.integers(256)
            picture, reason = DECODE(bytes(broken))
            assert (picture.shape[0] == 0) == (reason != b"")


def test_too_many_pixels_are_not_decoded():
    limited = tf.function(lambda data: try_decode_graph(data, 40 * 56 - 1), autograph=False)
    picture, reason = limited(tf.constant(GOOD["PNG"]))
    assert picture.shape == (0, 0, 3)
    assert reason == b"has 56 x 40 pixels, more than the limit of 2239"
