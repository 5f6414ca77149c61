"""Interleaved pictures to planes, against NumPy and the reduction of planes."""

import numpy as np
import pytest
import tensorflow as tf

from tfiqa.images.color import RED_GREEN_BLUE, mix_pixels, reduce_pixels
from tfiqa.images.filters import reduce_zero_padded

SIZES = ((1, 1), (5, 3), (16, 16), (17, 31), (40, 97))


@pytest.fixture(params=SIZES, ids=str)
def pictures(request):
    return np.random.default_rng(0).integers(0, 256, (2, *request.param, 3)).astype(np.float64)


def test_planes_are_the_channels_exactly(pictures):
    found = mix_pixels(tf.constant(pictures, tf.float32), RED_GREEN_BLUE)
    for plane, wanted in zip(found, np.moveaxis(pictures, -1, 0), strict=True):
        np.testing.assert_array_equal(plane, wanted)


def test_weighted_sums(pictures):
    weights = ((0.3, 0.6, 0.1), (1, -2, 0.5))
    found = mix_pixels(tf.constant(pictures), weights)
    np.testing.assert_allclose(tf.stack(found, -1), pictures @ np.array(weights).T, rtol=1e-14, atol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 7])
def test_reduced_as_planes_are(pictures, factor):
    wanted = reduce_zero_padded(tf.constant(np.moveaxis(pictures, -1, 1)), factor)
    found = reduce_pixels(tf.constant(pictures), factor)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    assert found.shape == wanted.shape


def test_sizes_and_factor_that_the_graph_learns_as_it_runs(pictures):
    specification = [tf.TensorSpec([None, None, None, 3], tf.float64), tf.TensorSpec([], tf.int32)]
    run = tf.function(
        lambda pixels, factor: (mix_pixels(pixels, RED_GREEN_BLUE)[1], reduce_pixels(pixels, factor)),
        input_signature=specification,
        autograph=False,
    )
    green, reduced = run(pictures, 3)
    np.testing.assert_array_equal(green, pictures[..., 1])
    np.testing.assert_allclose(reduced, reduce_pixels(tf.constant(pictures), 3), rtol=0, atol=1e-12)


def test_a_picture_rounds_alike_in_any_batch():
    picture = np.random.default_rng(1).integers(0, 256, (1, 640, 645, 3)).astype(np.float32)
    alone = reduce_pixels(tf.constant(picture), 3)
    np.testing.assert_array_equal(reduce_pixels(tf.constant(np.repeat(picture, 3, 0)), 3), np.repeat(alone, 3, 0))


def test_gradients():
    pixels = tf.Variable(np.random.default_rng(2).random((1, 9, 20, 3)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(mix_pixels(pixels, ((1, 2, 3),))[0]) + tf.reduce_sum(reduce_pixels(pixels, 2))
    wanted = np.tile([1.25, 2.25, 3.25], (1, 9, 20, 1))
    np.testing.assert_allclose(tape.gradient(total, pixels), wanted, rtol=1e-12)
