from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from encoded_pictures import scene

from tfiqa.errors import InvalidInput
from tfiqa.images.decode import decode_picture
from tfiqa.images.patches import extract_patches, patch_grid
from tfiqa.images.protocol import PictureProtocol
from tfiqa.images.protocol_graph import prepare_graph
from tfiqa.images.resize import parse_policy

PARITY = Path(__file__).resolve().parents[2] / "../shared/parity/open"

PROTOCOLS = [
    PictureProtocol(),
    PictureProtocol("shorter_side:24"),
    PictureProtocol("shorter_side:24", 16, 8),
    PictureProtocol("native", 16, 16),
    PictureProtocol("pad:64:white"),
    PictureProtocol("native", 8, 20, patch_ends="within"),
    PictureProtocol("native", 8, 5, patch_ends="within", patch_margin=3),
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
def test_patches_are_counted_by_the_size_alone(protocol):
    for size in ((50, 61), (61, 50), (9, 30), (24, 24)):
        assert protocol.count(*size) == len(protocol.prepare(scene(*size)))


def test_what_cannot_be_prepared_is_not_counted():
    with pytest.raises(InvalidInput, match="take sides from 8"):
        PictureProtocol("native", 8, 20, patch_ends="within").count(7, 30)
    with pytest.raises(InvalidInput, match="at most 64 pixels"):
        PictureProtocol("pad:64:white").count(65, 30)


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
        {"patch_size": 8, "patch_stride": 4, "patch_ends": "inside"},
        {"patch_size": 8, "patch_stride": 4, "patch_margin": 1},
        {"patch_size": 8, "patch_stride": 4, "patch_ends": "within", "patch_margin": 9},
        {"patch_ends": "within", "patch_margin": 1},
    ],
)
def test_senseless_protocols_are_refused(values):
    with pytest.raises(InvalidInput):
        PictureProtocol.from_dict(values)


@pytest.mark.skipif(not PARITY.is_dir(), reason="needs the authors' vectors in ../shared/parity/open")
def test_spaqs_own_code_resizes_and_cuts_alike():
    picture, expected = decode_picture(PARITY / "spaq_640x720.png"), decode_picture(PARITY / "spaq_resized.png")
    np.testing.assert_array_equal(parse_policy("shorter_side:512").apply(picture), expected)
    patches = PictureProtocol("shorter_side:512", 224, 112).prepare(picture)
    grid = np.load(PARITY / "spaq_bl/expected.npz")["patch_yx"]
    np.testing.assert_array_equal(patch_grid(*expected.shape[:2]), grid)
    for (top, left), patch in zip(grid, patches, strict=True):
        np.testing.assert_array_equal(patch, expected[top : top + 224, left : left + 224])
