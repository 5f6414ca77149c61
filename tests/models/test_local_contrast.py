import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import uniform_filter

from tfiqa.models.layers import Grey, LocalContrast


def expected(grey, window):
    """In float64: mirrored borders are scipy's "reflect"."""
    grey = grey.astype(np.float64)
    mean = uniform_filter(grey, window, mode="reflect")
    variance = uniform_filter(grey**2, window, mode="reflect") - mean**2
    return (grey - mean) / (np.sqrt(np.maximum(variance, 0)) + 1)


def picture(height, width, seed=0):
    """Steps, a slope and faint noise on bright grey, where float32 squares would not do."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    noise = random.normal(0, 0.3, (height, width)) * (rows % 20 < 10)
    return (200 + 0.2 * columns + noise - 150 * (columns % 37 > 30)).astype(np.float32)


@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("size", [(64, 64), (7, 50), (101, 33), (4, 4)])
def test_equals_the_formula_in_float64(size, window):
    grey = picture(*size)
    values = np.asarray(LocalContrast(window)(grey[None, :, :, None]))[0, :, :, 0]
    np.testing.assert_allclose(values, expected(grey, window), atol=2e-4)


@pytest.mark.parametrize("window", [3, 7])
def test_a_patch_with_its_surroundings_is_a_part_of_the_picture(window):
    grey, around = picture(150, 160), window // 2
    layer = LocalContrast(window, 64)
    whole = expected(grey, window)
    patch = grey[40 - around : 104 + around, 60 - around : 124 + around]
    values = layer(patch[None, :, :, None])
    assert values.shape == (1, 64, 64, 1)
    np.testing.assert_allclose(np.asarray(values)[0, :, :, 0], whole[40:104, 60:124], atol=2e-4)
    mirrored = layer(grey[None, 40:104, 60:124, None])
    np.testing.assert_allclose(np.asarray(mirrored)[0, :, :, 0], expected(grey[40:104, 60:124], window), atol=2e-4)


def test_unknown_sizes_are_alike():
    layer = LocalContrast(7, 64)
    function = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 1])])
    for size in ((64, 64), (70, 70), (70, 64), (71, 90), (8, 8)):
        grey = picture(*size)[None, :, :, None]
        np.testing.assert_allclose(function(grey), layer(grey), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "patch", "result"),
    [
        ((None, 70, 70, 1), 64, (None, 64, 64, 1)),
        ((2, 64, 64, 1), 64, (2, 64, 64, 1)),
        ((2, None, None, 1), 64, (2, None, None, 1)),
        ((2, 5, 9, 1), None, (2, 5, 9, 1)),
    ],
)
def test_shapes_are_told(shape, patch, result):
    assert LocalContrast(7, patch)(keras.KerasTensor(shape)).shape == result


def test_it_is_finite_with_its_slope_on_a_flat_picture():
    flat = tf.Variable(tf.fill((1, 8, 8, 1), 0.7))
    with tf.GradientTape() as tape:
        values = LocalContrast(3)(flat)
    assert np.isfinite(tape.gradient(values, flat)).all()
    np.testing.assert_allclose(values, 0, atol=1e-6)


def test_grey_is_not_rounded():
    colours = np.array([[[[255, 255, 255], [10, 20, 33]]]], np.float32)
    np.testing.assert_allclose(np.asarray(Grey()(colours)).ravel(), [255, 2.99 + 11.74 + 3.762], rtol=1e-6)
