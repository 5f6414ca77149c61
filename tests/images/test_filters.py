import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, signal

from tfiqa.images.filters import (
    GAUSSIAN_WINDOW,
    PREWITT,
    SCHARR,
    correlate_valid,
    gaussian_valid,
    gradient_magnitude,
    magnitude,
    reduce_mirrored,
    reduce_zero_padded,
    reduction_factor,
    sides,
    similarity,
)

# Widths below, at and above the blocks of 16 that columns are filtered in; taps within a block and over several.
SIZES = [(11, 11), (12, 16), (37, 17), (20, 50), (33, 64)]
TAPS = [
    ((1.0,), (1.0,)),
    ((0.2, -1.0, 3.0), (1.0, 2.0)),
    (GAUSSIAN_WINDOW, GAUSSIAN_WINDOW),
    ((0.5,), tuple(range(11))),
]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, shape)


def in_graph(function, dtype=tf.float64, rank=3):
    return tf.function(function, input_signature=[tf.TensorSpec([None] * rank, dtype)], autograph=False)


def gradient_of(function, planes, upstream):
    variable = tf.Variable(planes)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(function(variable) * upstream)
    return tape.gradient(value, variable).numpy()


def test_sides_are_integers_where_they_are_known():
    assert sides(tf.zeros((2, 5, 7))) == (5, 7)
    found = []

    @tf.function(input_signature=[tf.TensorSpec([None, 5, None])])
    def trace(planes):
        found.extend(sides(planes))
        return found[1]

    assert int(trace(tf.zeros((2, 5, 7)))) == 7
    assert found[0] == 5
    assert isinstance(found[1], tf.Tensor)


@pytest.mark.parametrize(("rows", "columns"), TAPS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_correlation_is_scipys_inside_the_picture(height, width, rows, columns):
    planes = noise(3, height, width)
    expected = [signal.correlate2d(plane, np.outer(rows, columns), "valid") for plane in planes]
    scale = 255 * np.abs(rows).sum() * np.abs(columns).sum()
    for function in (
        lambda p: correlate_valid(p, rows, columns),
        in_graph(lambda p: correlate_valid(p, rows, columns)),
    ):
        np.testing.assert_allclose(function(planes), expected, rtol=0, atol=1e-14 * scale)
    found = correlate_valid(planes.astype(np.float32), rows, columns)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * scale)


def test_taps_longer_than_two_blocks():
    plane, taps = noise(50, 70), noise(40, seed=1)
    expected = signal.correlate2d(plane, np.outer(taps[:3], taps), "valid")
    np.testing.assert_allclose(correlate_valid(tf.constant(plane), taps[:3], taps), expected, rtol=1e-12)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_leading_axes_are_kept(lead):
    planes = noise(*lead, 30, 31)
    filtered = gaussian_valid(planes)
    assert filtered.shape == (*lead, 20, 21)
    assert reduce_zero_padded(tf.constant(planes), 4).shape == (*lead, 8, 8)
    assert gradient_magnitude(tf.constant(planes), PREWITT).shape == planes.shape


def test_gaussian_window():
    row, column = np.mgrid[-5:6, -5:6]
    window = np.exp(-(row**2 + column**2) / (2 * 1.5**2))
    np.testing.assert_allclose(np.outer(GAUSSIAN_WINDOW, GAUSSIAN_WINDOW), window / window.sum(), rtol=1e-14)
    plane = noise(40, 45)
    expected = ndimage.correlate(plane, window / window.sum())[5:-5, 5:-5]
    np.testing.assert_allclose(gaussian_valid(plane), expected, rtol=1e-13)
    np.testing.assert_allclose(gaussian_valid(tf.fill((40, 45), 7.0)), np.full((30, 35), 7), rtol=1e-6)


def test_the_gradient_of_a_correlation_is_the_full_convolution():
    rows, columns = (0.2, -1.0, 3.0), (1.0, 2.0, 0.5, -4.0)
    upstream = noise(2, 18, 29, seed=1)
    expected = [signal.convolve2d(plane, np.outer(rows, columns), "full") for plane in upstream]
    found = gradient_of(lambda p: correlate_valid(p, rows, columns), noise(2, 20, 32), upstream)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize(
    ("height", "width", "factor"),
    [
        (96, 96, 1),
        (128, 900, 1),
        (383, 512, 1),
        (384, 512, 2),
        (639, 700, 2),
        (700, 640, 3),
        (896, 896, 4),
        (1664, 2000, 7),
    ],
)
def test_reduction_factor_rounds_halves_up(height, width, factor):
    assert reduction_factor(height, width) == factor
    found = reduction_factor(tf.constant(height), tf.constant(width))
    assert int(found) == int(reduction_factor(height, tf.constant(width))) == factor


def box_mean(plane, factor, mode):
    """Means over factor x factor pixels from i - floor((f-1)/2) on: SciPy's windows start at i - floor(f/2) - origin."""
    origin = (factor - 1) // 2 - factor // 2
    return ndimage.uniform_filter(plane, factor, mode=mode, origin=origin, cval=0)[::factor, ::factor]


@pytest.mark.parametrize("factor", range(1, 8))
@pytest.mark.parametrize(("reduce", "mode"), [(reduce_zero_padded, "constant"), (reduce_mirrored, "reflect")])
def test_reductions_are_scipys_box_means(reduce, mode, factor):
    graph = in_graph(lambda p: reduce(p, factor))
    unknown = tf.function(
        reduce, input_signature=[tf.TensorSpec([None, None, None], tf.float64), tf.TensorSpec([], tf.int32)]
    )
    # Every remainder of a division by the factor, so that windows end inside, at and outside the border.
    for extra in range(factor):
        planes = noise(2, 3 * factor + extra, 17 * factor + (extra + 2) % factor, seed=extra)
        expected = [box_mean(plane, factor, mode) for plane in planes]
        for found in (reduce(tf.constant(planes), factor), graph(planes), unknown(planes, factor)):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(reduce(tf.constant(planes, tf.float32), factor), expected, rtol=1e-5)


@pytest.mark.parametrize("factor", [2, 3])
def test_reductions_compile_at_a_known_size(factor):
    planes = noise(2, 23, 37)
    for reduce, mode in ((reduce_zero_padded, "constant"), (reduce_mirrored, "reflect")):
        found = tf.function(lambda p, reduce=reduce: reduce(p, factor), jit_compile=True)(tf.constant(planes))
        np.testing.assert_allclose(found, [box_mean(plane, factor, mode) for plane in planes], rtol=1e-12)


def test_the_border_of_a_reduction():
    ones = tf.ones((1, 5, 5))
    np.testing.assert_allclose(reduce_zero_padded(ones, 2)[0], np.outer([1, 1, 0.5], [1, 1, 0.5]))
    np.testing.assert_allclose(reduce_zero_padded(ones, 3)[0], np.full((2, 2), [[4 / 9, 2 / 3], [2 / 3, 1]]), rtol=1e-6)
    np.testing.assert_allclose(reduce_mirrored(ones, 3)[0], np.ones((2, 2)), rtol=1e-6)
    row = tf.constant([[[1.0, 2.0, 3.0, 4.0, 5.0]] * 5])
    np.testing.assert_allclose(reduce_mirrored(row, 2)[0, 0], [1.5, 3.5, 5.0])


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("reduce", [reduce_zero_padded, reduce_mirrored])
def test_the_gradient_of_a_reduction_is_its_transpose(reduce, factor):
    planes = noise(1, 11, 14)
    lines = np.eye(11 * 14).reshape(-1, 11, 14)
    matrix = np.reshape(reduce(tf.constant(lines), factor), (11 * 14, -1))
    upstream = noise(matrix.shape[1], seed=2)
    shape = reduce(tf.constant(planes), factor).shape
    found = gradient_of(lambda p: reduce(p, factor), planes, upstream.reshape(shape))
    np.testing.assert_allclose(found.ravel(), matrix @ upstream, rtol=1e-12)


PUBLISHED = {
    "prewitt": (PREWITT, np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]) / 3),
    "scharr": (SCHARR, np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16),
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize(("height", "width"), [(3, 3), (1, 5), (24, 37)])
def test_gradient_magnitude_is_scipys(height, width, name):
    kernel, published = PUBLISHED[name]
    planes = noise(2, height, width)
    expected = [
        np.hypot(*(ndimage.correlate(plane, each, mode="constant") for each in (published, published.T)))
        for plane in planes
    ]
    for function in (lambda p: gradient_magnitude(p, kernel), in_graph(lambda p: gradient_magnitude(p, kernel))):
        np.testing.assert_allclose(function(tf.constant(planes)), expected, rtol=1e-12)
    np.testing.assert_allclose(
        gradient_magnitude(tf.constant(planes, tf.float32), kernel), expected, rtol=1e-4, atol=1e-4
    )


def test_the_gradient_of_a_gradient_magnitude_is_its_slope():
    planes, direction, upstream = noise(1, 7, 9), noise(1, 7, 9, seed=1) - 128, noise(1, 7, 9, seed=2)

    def function(p):
        return gradient_magnitude(p, SCHARR)

    above, below = (tf.reduce_sum(function(tf.constant(planes + s * direction)) * upstream) for s in (1e-5, -1e-5))
    found = (gradient_of(function, planes, upstream) * direction).sum()
    assert found == pytest.approx(float(above - below) / 2e-5, rel=1e-6)


def test_a_flat_picture_has_no_gradient_and_no_nan():
    flat = np.full((1, 9, 9), 5.0)
    magnitudes = gradient_magnitude(tf.constant(flat), PREWITT)
    np.testing.assert_array_equal(magnitudes[0, 1:-1, 1:-1], np.zeros((7, 7)))
    inside = np.zeros((1, 9, 9))
    inside[0, 1:-1, 1:-1] = 1
    np.testing.assert_array_equal(gradient_of(lambda p: gradient_magnitude(p, PREWITT), flat, inside), 0 * flat)


def test_magnitude_of_nothing():
    x, y = tf.Variable([3.0, 0.0, 0.0]), tf.Variable([4.0, 0.0, -2.0])
    with tf.GradientTape() as tape:
        length = magnitude(x, y)
    np.testing.assert_allclose(length, [5, 0, 2])
    by_x, by_y = tape.gradient(length, (x, y))
    np.testing.assert_allclose(by_x, [0.6, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(by_y, [0.8, 0, -1], rtol=1e-6)


def test_similarity():
    found = similarity(tf.constant([2.0, 3.0, 0.0, 1.0]), tf.constant([2.0, 1.0, 0.0, -1.0]), 10)
    np.testing.assert_allclose(found, [1, 16 / 20, 1, 8 / 12], rtol=1e-6)
