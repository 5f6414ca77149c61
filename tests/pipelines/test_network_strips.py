"""Convolutions of large pictures, strip by strip."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfiqa.pipelines import strips
from tfiqa.pipelines.strips import for_all_sizes, in_strips, strip_convolution

PICTURES = tf.TensorSpec((None, None, None, 3))


def model_of(*stack, channels=3):
    return keras.Sequential([keras.Input((None, None, channels)), *stack])


def has_loops(graph, *inputs):
    return any("While" in op.type for op in all_operations(graph.get_concrete_function(*inputs).graph))


def all_operations(graph):
    yield from graph.get_operations()
    for function in graph._functions.values():
        yield from function.graph.get_operations()


def convolution(padding="same", stride=1, kernel=(3, 3), **settings):
    return model_of(layers.Conv2D(6, kernel, stride, padding, bias_initializer="ones", **settings), channels=4)


def check(model, monkeypatch, rows_at_once):
    x = np.random.default_rng(0).normal(size=(2, 23, 18, 4)).astype(np.float32)
    expected = model(x)
    windows = x.shape[0] * expected.shape[2] * np.prod(model.layers[0].kernel_size) * 4  # values of one row
    monkeypatch.setattr(strips, "STRIP_VALUES", int(rows_at_once * windows))
    with in_strips(model):
        got = model(x)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 7), (7, 1), (2, 4)])
def test_values_are_those_of_conv2d(padding, stride, kernel, monkeypatch):
    check(convolution(padding, stride, kernel), monkeypatch, rows_at_once=5)


@pytest.mark.parametrize("at_once", [0.5, 1, 4, 1000])
def test_any_number_of_strips(at_once, monkeypatch):
    check(convolution(activation="relu"), monkeypatch, at_once)


def test_models_in_models_keep_their_weights_and_their_layers_as_they_are(monkeypatch):
    monkeypatch.setattr(strips, "STRIP_VALUES", 500)
    inner = layers.Conv2D(3, 3)
    model = model_of(model_of(inner), layers.Conv2D(2, 3, use_bias=False))
    graph = tf.function(in_strips(model)(lambda x: model(x)), input_signature=[PICTURES])
    config, own = model.get_config(), {layer: set(vars(layer)) for layer in (inner, *model.layers)}
    for height, width in ((5, 5), (20, 6), (6, 50)):
        x = tf.random.stateless_normal((1, height, width, 3), (1, 2))
        np.testing.assert_allclose(graph(x), model(x), rtol=1e-5, atol=1e-5)
        inner.kernel.assign(inner.kernel * 2)
    assert has_loops(graph)
    assert model.get_config() == config
    assert {layer: set(vars(layer)) for layer in own} == own


def test_layers_of_another_precision(monkeypatch):
    monkeypatch.setattr(strips, "STRIP_VALUES", 500)
    model = model_of(layers.Conv2D(4, 3, dtype="mixed_bfloat16"))
    x = np.random.default_rng(0).normal(size=(1, 9, 9, 3)).astype(np.float32)
    with in_strips(model):
        got = model(x)
    assert got.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(got, tf.float32), tf.cast(model(x), tf.float32), rtol=0.02, atol=0.02)


def test_layers_are_themselves_again_after_an_error():
    layer = layers.Conv2D(2, 3)

    @in_strips(model_of(layer))
    def fail():
        assert "call" in vars(layer)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "call" not in vars(layer)


def test_only_large_pictures_take_the_graph_with_strips(monkeypatch):
    monkeypatch.setattr(strips, "PLAIN_PIXELS", 100)
    taken = []

    def add(x, more):
        taken.append("call" in vars(model.layers[0]))  # when it is traced
        return model(x) + more

    model = model_of(layers.Conv2D(2, 3))
    network = for_all_sizes(add, model, PICTURES, tf.TensorSpec(()))
    for shape, traced in (((3, 10, 10, 3), [False]), ((1, 10, 11, 3), [False, True]), ((1, 50, 50, 3), [False, True])):
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        np.testing.assert_allclose(network(x, np.float32(1)), model(x) + 1, rtol=1e-5, atol=1e-5)
        assert taken == traced


@pytest.mark.parametrize(
    ("layer", "taken"),
    [
        (layers.Conv2D(4, 3), True),
        (layers.Conv2D(4, (1, 7)), True),
        (layers.Conv2D(4, 1), False),
        (layers.Conv2D(4, 3, groups=2), False),
        (layers.Conv2D(4, 3, dilation_rate=2), False),
        (layers.DepthwiseConv2D(3), False),
        (layers.ReLU(), False),
    ],
)
def test_which_layers_are_taken(layer, taken):
    assert strip_convolution(layer) == taken
