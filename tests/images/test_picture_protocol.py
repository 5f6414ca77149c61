from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from encoded_pictures import scene

from tfiqa.errors import InvalidInput
from tfiqa.images.patches import extract_patches
from tfiqa.images.protocol import PictureProtocol
from tfiqa.images.protocol_graph import prepare_graph
from tfiqa.images.resize import parse_policy

PROTOCOLS = [
    PictureProtocol(),
    PictureProtocol("shorter_side:24"),
    PictureProtocol("shorter_side:24", 16, 8),
    PictureProtocol("native", 16, 16),
    PictureProtocol("pad:64:white"),
]


def test_a_whole_picture_is_one_patch():
    np.testing.assert_array_equal(PictureProtocol().prepare(scene()), scene()[None])


def test_patches_are_taken_after_resizing():
    resized = parse_policy("shorter_side:24").apply(scene(50, 70))
    np.testing.assert_array_equal(
        PictureProtocol("shorter_side:24", 16, 8).prepare(scene(50, 70)), extract_patches(resized, 16, 8)
    )


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
def test_the_graph_equals_the_arrays(protocol):
    function = tf.function(
        lambda picture: prepare_graph(protocol, picture), input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)]
    )
    for size in ((50, 61), (61, 50), (9, 30), (24, 24)):
        np.testing.assert_array_equal(function(scene(*size)), protocol.prepare(scene(*size)))


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
def test_dictionaries_go_through_json(protocol):
    assert PictureProtocol.from_dict(json.loads(json.dumps(protocol.to_dict()))) == protocol


@pytest.mark.parametrize(
    "values",
    [
        {"resize": "bigger"},
        {"patch_size": 224},
        {"patch_stride": 112},
        {"patch_size": 0, "patch_stride": 1},
        {"patch_size": 8, "patch_stride": 0},
        {"patch_size": "8", "patch_stride": 4},
        {"crop": 5},
    ],
)
def test_senseless_protocols_are_refused(values):
    with pytest.raises(InvalidInput):
        PictureProtocol.from_dict(values)
