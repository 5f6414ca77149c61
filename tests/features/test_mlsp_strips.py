"""Convolutions of large pictures, strip by strip."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfiqa.features.mlsp import strips
from tfiqa.features.mlsp.strips import StripConv2D, in_strips, strip_convolution


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 7), (7, 1), (2, 4)])
@pytest.mark.parametrize("at_once", [1, 5, 1000])
def test_values_are_those_of_conv2d(padding, stride, kernel, at_once, monkeypatch):
    x = np.random.default_rng(0).normal(size=(1, 23, 18, 4)).astype(np.float32)
    layer = StripConv2D(6, kernel, stride, padding, activation="relu", bias_initializer="ones")
    expected = layer(x)
    reference = keras.layers.Conv2D(6, kernel, stride, padding, activation="relu")
    reference.build(x.shape)
    reference.set_weights(layer.get_weights())
    np.testing.assert_array_equal(expected, reference(x))
    windows = expected.shape[2] * kernel[0] * kernel[1] * 4  # values of one row
    monkeypatch.setattr(strips, "STRIP_VALUES", at_once * windows)
    with in_strips(SimpleNamespace(layers=[layer])):
        np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)
    assert not layer.strips


def test_graphs_of_any_size(monkeypatch):
    monkeypatch.setattr(strips, "STRIP_VALUES", 500)
    layer = StripConv2D(2, 3)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def graph(x):
        with in_strips(SimpleNamespace(layers=[layer])):
            return layer(x)

    for height, width in ((3, 3), (20, 4), (4, 50)):
        x = tf.random.stateless_normal((1, height, width, 3), (1, 2))
        np.testing.assert_allclose(graph(x), layer(x), rtol=1e-5, atol=1e-5)
    assert any(op.type in ("While", "StatelessWhile") for op in graph.get_concrete_function().graph.get_operations())


@pytest.mark.parametrize(
    ("layer", "taken"),
    [
        (keras.layers.Conv2D(4, 3), True),
        (keras.layers.Conv2D(4, 3, groups=2), False),
        (keras.layers.Conv2D(4, 3, dilation_rate=2), False),
        (keras.layers.DepthwiseConv2D(3), False),
        (keras.layers.ReLU(), False),
    ],
)
def test_which_layers_are_taken(layer, taken):
    assert strip_convolution(layer) == taken
