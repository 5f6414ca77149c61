"""Bilinear interpolation with aligned corners against NumPy's in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfiqa.models.layers import ResizeLike

# Old and new sizes, DB-CNN's among them, with single rows and columns.
SIZES = [
    ((29, 19), (28, 18)),
    ((3, 4), (2, 3)),
    ((2, 3), (5, 7)),
    ((1, 1), (1, 1)),
    ((1, 1), (3, 2)),
    ((2, 5), (1, 1)),
    ((3, 1), (1, 4)),
    ((6, 2), (6, 5)),
]


def expected(maps, height, width):
    def along(array, axis, new):
        old = array.shape[axis]
        positions = np.linspace(0, old - 1, new)
        return np.apply_along_axis(lambda line: np.interp(positions, np.arange(old), line), axis, array)

    return along(along(np.asarray(maps, np.float64), 1, height), 2, width)


def random_maps(*shape):
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_every_size(old, new):
    maps = random_maps(2, *old, 3)
    got = ResizeLike()([maps, np.zeros((2, *new, 5), np.float32)])
    np.testing.assert_allclose(got, expected(maps, *new), rtol=1e-6, atol=1e-7)


def test_maps_of_the_size_already_are_unchanged():
    maps = random_maps(1, 9, 14, 2)
    np.testing.assert_array_equal(ResizeLike()([maps, maps]), maps)


def test_a_long_side_is_as_exact_as_a_short_one():
    maps = random_maps(1, 1, 1201, 2)
    got = ResizeLike()([maps, np.zeros((1, 1, 1200, 1), np.float32)])
    np.testing.assert_allclose(got, expected(maps, 1, 1200), rtol=1e-6, atol=1e-7)


def test_one_graph_takes_every_size_and_is_saved(tmp_path):
    inputs = [keras.Input((None, None, 3)), keras.Input((None, None, 5))]
    model = keras.Model(inputs, ResizeLike()(inputs))
    assert model.output_shape == (None, None, None, 3)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    unknown = (None, None, None)
    graph = tf.function(
        lambda maps, others: again([maps, others]),
        input_signature=[tf.TensorSpec((*unknown, 3)), tf.TensorSpec((*unknown, 5))],
    )
    for old, new in SIZES:
        maps = random_maps(1, *old, 3)
        got = graph(maps, np.zeros((1, *new, 5), np.float32))
        np.testing.assert_allclose(got, expected(maps, *new), rtol=1e-6, atol=1e-7)
