"""Bilinear pooling against its formula in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfiqa.models.layers import BilinearPooling


def maps(*shape, low=-1.0, seed=0):
    return np.random.default_rng(seed).uniform(low, 1, shape).astype(np.float32)


def expected(first, second, signed=True):
    """The formula, one pair of channels at a time."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    vectors = []
    for x, y in zip(first, second, strict=True):
        mean = [[(x[..., c] * y[..., d]).mean() for d in range(y.shape[-1])] for c in range(x.shape[-1])]
        mean = np.ravel(mean)
        root = np.sign(mean) * np.sqrt(np.abs(mean) + 1e-8) if signed else np.sqrt(np.abs(mean) + 1e-8)
        vectors.append(root / max(np.linalg.norm(root), 1e-12))
    return np.array(vectors)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3)])
def test_single_map(size):
    x = maps(2, *size, 6)
    np.testing.assert_allclose(BilinearPooling()(x), expected(x, x), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (7, 1), (5, 3)])
def test_pair_of_maps_has_the_first_ones_channel_outermost(size):
    x, y = maps(2, *size, 4), maps(2, *size, 3, seed=1)
    got = BilinearPooling()([x, y])
    assert got.shape == (2, 12)
    np.testing.assert_allclose(got, expected(x, y), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, rtol=1e-6)


def test_zeros_stay_zero_only_with_a_sign():
    x, y = maps(1, 3, 4, 4, low=0), maps(1, 3, 4, 3, low=0, seed=1)
    x[..., 2] = 0
    signed, unsigned = BilinearPooling()([x, y]), BilinearPooling(signed=False)([x, y])
    np.testing.assert_allclose(unsigned, expected(x, y, signed=False), atol=1e-7)
    np.testing.assert_array_equal(np.asarray(signed)[0, 6:9], 0)
    np.testing.assert_allclose(np.asarray(unsigned)[0, 6:9], 1e-4 / length(x, y), rtol=1e-4)


def length(x, y):
    return np.sqrt(np.einsum("nhwc,nhwd->", x, y) / (x.shape[1] * x.shape[2]))


def test_a_map_of_zeros_has_a_vector_of_zeros():
    np.testing.assert_array_equal(BilinearPooling()(np.zeros((2, 3, 3, 4), np.float32)), np.zeros((2, 16)))


def test_one_graph_takes_every_size():
    image = keras.Input((None, None, 5))
    model = keras.Model(image, BilinearPooling()(image))
    graph = tf.function(model, input_signature=[tf.TensorSpec((None, None, None, 5))])
    for shape in ((1, 1, 9, 5), (3, 4, 2, 5)):
        np.testing.assert_allclose(graph(maps(*shape)), expected(maps(*shape), maps(*shape)), atol=1e-6)


@pytest.mark.parametrize("signed", [True, False])
def test_saving_keeps_the_root(signed, tmp_path):
    inputs = [keras.Input((None, None, 4)), keras.Input((None, None, 3))]
    model = keras.Model(inputs, BilinearPooling(signed=signed)(inputs))
    assert model.output_shape == (None, 12)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    pair = [maps(1, 2, 3, 4, low=0), np.zeros((1, 2, 3, 3), np.float32)]
    np.testing.assert_array_equal(again(pair), model(pair))
    assert (np.asarray(again(pair)) == 0).all() == signed
