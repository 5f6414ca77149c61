"""The Laplacian pyramid and the enlargement of its levels, against SciPy and imresize's matrices in float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import correlate

from tfiqa.images.matlab_resize import resize_matrix
from tfiqa.images.pyramids import enlarge_twofold, expand_binomial, laplacian_pyramid, reduce_binomial

KERNEL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 128
SIZES = [(8, 8), (9, 8), (8, 9), (33, 64), (64, 33), (35, 67), (50, 129)]


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(float)


def reduce_slowly(plane):
    return correlate(plane, KERNEL, mode="mirror")[::2, ::2]  # SciPy's mirror does not repeat the edge


def expand_slowly(low, shape):
    stuffed = np.zeros(shape)
    stuffed[::2, ::2] = low
    return correlate(stuffed, KERNEL, mode="mirror")


@pytest.mark.parametrize("size", SIZES)
def test_reduce_and_expand(size):
    plane = picture(*size)
    low = reduce_slowly(plane)
    np.testing.assert_allclose(reduce_binomial(tf.constant(plane[None]))[0], low, atol=1e-11)
    np.testing.assert_allclose(expand_binomial(tf.constant(low[None]), *size)[0], expand_slowly(low, size), atol=1e-11)


def test_pyramid_of_a_batch_of_unknown_size():
    planes = np.stack([picture(75, 98, seed) for seed in range(3)])
    bands = tf.function(lambda x: laplacian_pyramid(x, 3)).get_concrete_function(tf.TensorSpec([None, None, None]))
    found = bands(tf.constant(planes, tf.float32))
    for plane, *levels in zip(planes, *found, strict=True):
        low = reduce_slowly(plane)
        lowest = reduce_slowly(low)
        np.testing.assert_array_equal(levels[0], plane - expand_slowly(low, plane.shape))  # an 8-bit picture's is exact
        np.testing.assert_allclose(levels[1], low - expand_slowly(lowest, low.shape), atol=1e-4)
        np.testing.assert_allclose(levels[2], lowest, atol=2e-4)


def test_planes_may_have_more_axes_in_front():
    planes = tf.constant(np.stack([picture(20, 21, seed) for seed in range(6)]).reshape(2, 3, 20, 21))
    for some, flat in zip(
        laplacian_pyramid(planes, 3), laplacian_pyramid(tf.reshape(planes, (6, 20, 21)), 3), strict=True
    ):
        np.testing.assert_array_equal(tf.reshape(some, flat.shape), flat)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_bands_of_a_flat_picture_are_exactly_0(dtype):
    *bands, rest = laplacian_pyramid(tf.fill((1, 61, 84), tf.constant(237, dtype)), 5)
    assert all(not np.any(band) for band in bands)
    np.testing.assert_array_equal(rest, np.full(rest.shape, 237 * 16))


@pytest.mark.parametrize("size", [(22, 22), (23, 31), (44, 65), (40, 11)])
def test_enlargement(size):
    new = (size[0] * 2 - size[0] % 2, size[1] * 2 - size[1] % 3 // 2)
    plane = picture(*size)
    rows, columns = (resize_matrix(n, "bilinear", new_size=4 * n - 3) for n in size)
    big = rows @ plane @ columns.T
    around = np.pad(big, 1)
    around[[0, -1]] = 2 * around[[1, -2]] - around[[2, -3]]
    around[:, [0, -1]] = 2 * around[:, [1, -2]] - around[:, [2, -3]]
    expected = around[::2, ::2][: new[0], : new[1]]
    np.testing.assert_allclose(enlarge_twofold(tf.constant(plane[None]), *new)[0], expected, atol=1e-11)


def test_gradient():
    x, direction = tf.constant(picture(19, 34)[None]), tf.constant(picture(19, 34, 1)[None])

    def value(x):
        first, second, rest = laplacian_pyramid(x, 3)
        bigger = enlarge_twofold(second, *first.shape[1:])
        return tf.reduce_sum(first * first * bigger) + tf.reduce_sum(rest**3)

    with tf.GradientTape() as tape:
        tape.watch(x)
        result = value(x)
    slope = (value(x + 1e-4 * direction) - value(x - 1e-4 * direction)) / 2e-4
    np.testing.assert_allclose(tf.reduce_sum(tape.gradient(result, x) * direction), slope, rtol=1e-7)
