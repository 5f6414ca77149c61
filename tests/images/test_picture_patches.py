from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from encoded_pictures import scene

from tfiqa.errors import InvalidInput
from tfiqa.images.patches import extract_patches, patch_grid, patch_starts
from tfiqa.images.patches_graph import extract_patches_graph


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (512, [0, 112, 224, 288]),
        (683, [0, 112, 224, 336, 448, 459]),
        (448, [0, 112, 224]),
        (336, [0, 112]),
        (337, [0, 112, 113]),
        (225, [0, 1]),
        (224, [0]),
        (223, [0]),
        (1, [0]),
    ],
)
def test_starts_end_flush_with_the_border(length, expected):
    assert patch_starts(length) == expected


def test_every_pixel_is_covered_and_no_patch_repeats():
    for length in range(1, 60):
        for size in (1, 5, 16):
            for stride in range(1, size + 1):
                starts = patch_starts(length, size, stride)
                covered = {pixel for start in starts for pixel in range(start, min(start + size, length))}
                assert covered == set(range(length))
                assert starts == sorted(set(starts))
                assert starts[-1] == max(length - size, 0)


def test_spaq_makes_24_patches_of_a_512_by_683_picture():
    grid = patch_grid(512, 683)
    assert grid.shape == (24, 2)
    assert grid.dtype == np.int64
    assert grid[:7].tolist() == [[0, 0], [0, 112], [0, 224], [0, 336], [0, 448], [0, 459], [112, 0]]


@pytest.mark.parametrize(("size", "stride"), [(0, 1), (1, 0), (-3, 2)])
def test_senseless_patches_are_refused(size, stride):
    with pytest.raises(InvalidInput):
        extract_patches(scene(), size, stride)


@pytest.mark.parametrize(
    ("height", "width", "size", "stride", "shape"),
    [
        (20, 31, 8, 4, (28, 8, 8, 3)),
        (20, 31, 8, 30, (4, 8, 8, 3)),
        (5, 31, 8, 4, (7, 5, 8, 3)),
        (31, 5, 8, 4, (7, 8, 5, 3)),
        (3, 4, 8, 4, (1, 3, 4, 3)),
        (8, 8, 8, 4, (1, 8, 8, 3)),
    ],
)
def test_patches_are_the_picture_at_the_grid_in_both_forms(height, width, size, stride, shape):
    picture = scene(height, width)
    patches = extract_patches(picture, size, stride)
    assert patches.shape == shape
    for (top, left), patch in zip(patch_grid(height, width, size, stride), patches, strict=True):
        np.testing.assert_array_equal(patch, picture[top : top + size, left : left + size])
    np.testing.assert_array_equal(extract_patches_graph(tf.constant(picture), size, stride), patches)


def test_the_graph_takes_any_size():
    function = tf.function(
        lambda picture: extract_patches_graph(picture, 8, 4),
        input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
    )
    for size in ((1, 1), (7, 40), (40, 7), (33, 50)):
        np.testing.assert_array_equal(function(scene(*size)), extract_patches(scene(*size), 8, 4))


@pytest.mark.parametrize(
    ("length", "expected"), [(64, [0]), (223, [0]), (224, [0, 160]), (230, [0, 160]), (512, [0, 160, 320])]
)
def test_starts_within_the_picture_are_multiples_of_the_stride(length, expected):
    assert patch_starts(length, 64, 160, "within") == expected


def test_patches_bring_their_surroundings_mirrored_at_the_border():
    picture = scene(30, 41)
    around = np.pad(picture, ((3, 3), (3, 3), (0, 0)), mode="symmetric")
    patches = extract_patches(picture, 8, 10, "within", 3)
    for (top, left), patch in zip(patch_grid(30, 41, 8, 10, "within"), patches, strict=True):
        np.testing.assert_array_equal(patch, around[top : top + 14, left : left + 14])
    np.testing.assert_array_equal(extract_patches_graph(tf.constant(picture), 8, 10, "within", 3), patches)


def test_too_small_a_picture_is_refused_within():
    with pytest.raises(InvalidInput, match="a side of 7 pixels; patches of 8 pixels take sides from 8"):
        extract_patches(scene(40, 7), 8, 4, "within")
    with pytest.raises(tf.errors.InvalidArgumentError, match="take sides from 8"):
        extract_patches_graph(tf.constant(scene(40, 7)), 8, 4, "within")
