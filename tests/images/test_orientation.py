from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from encoded_pictures import exif_block, saved, scene
from PIL import Image, ImageOps

from tfiqa.images.orientation import exif_orientation, upright
from tfiqa.images.orientation_graph import exif_orientation_graph, upright_graph

BROKEN_BLOCKS = {
    "empty": b"",
    "no byte order": b"XX*\0" + exif_block(6)[4:],
    "orders mixed": b"MM*\0" + exif_block(6)[4:],
    "cut inside the entries": exif_block(6, entries_before=3)[:40],
    "cut inside the orientation": exif_block(6)[:-8],
    "directory beyond the end": b"II*\0\xff\xff\xff\xff",
    "more entries than bytes": b"II*\0\x08\0\0\0\xff\xff" + bytes(30),
    "value 0": exif_block(0),
    "value 9": exif_block(9),
    "not a short": exif_block(6, kind=7),
}


@pytest.fixture(scope="module")
def orientation_in_graph() -> tf.types.experimental.PolymorphicFunction:
    return tf.function(exif_orientation_graph, input_signature=[tf.TensorSpec([], tf.string)])


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_read_in_both_byte_orders(orientation, order, orientation_in_graph):
    block = exif_block(orientation, order)
    assert exif_orientation(block) == orientation
    assert orientation_in_graph(block) == orientation


@pytest.mark.parametrize("name", BROKEN_BLOCKS)
def test_a_broken_block_means_upright(name, orientation_in_graph):
    assert exif_orientation(BROKEN_BLOCKS[name]) == 1
    assert orientation_in_graph(BROKEN_BLOCKS[name]) == 1


def test_the_first_of_two_orientations_counts(orientation_in_graph):
    block = bytearray(exif_block(3, entries_before=1))
    entry = block[22:34]
    entry[8] = 8
    block[8] += 1
    block[34:34] = entry
    assert exif_orientation(bytes(block)) == orientation_in_graph(bytes(block)) == 3


def test_python_and_graph_agree_on_damaged_blocks(orientation_in_graph):
    random = np.random.default_rng(0)
    for _ in range(200):
        block = bytearray(exif_block(int(random.integers(1, 9)), random.choice(["II", "MM"])))
        for _ in range(random.integers(1, 4)):
            block[random.integers(len(block))] = random.integers(256)
        cut = bytes(block[: random.integers(len(block) + 1)])
        assert exif_orientation(cut) == orientation_in_graph(cut)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(orientation):
    picture = scene(5, 7)
    image = Image.open(io.BytesIO(saved(picture, "PNG", exif=exif_block(orientation))))
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(upright(picture, orientation), expected)
    np.testing.assert_array_equal(upright_graph(tf.constant(picture), tf.constant(orientation)), expected)
