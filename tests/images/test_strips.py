"""Planes worked on in strips: the same numbers as at once, however many strips there are."""

import numpy as np
import pytest
import tensorflow as tf

from tfiqa.images import strips as module
from tfiqa.images.strips import Strips


@pytest.fixture(autouse=True)
def short_strips(monkeypatch):
    monkeypatch.setattr(module, "SHORTEST_STRIP", 4)
    monkeypatch.setattr(module, "STRIP_PIXELS", 2 * 4 * 10)


def blur(one, other):
    """Depends on 2 rows of `one` and 1 of `other` on either side."""
    return one[:, 4:] + 2 * one[:, :-4] + other[:, 2:] * other[:, 1:-1]


def in_strips(one, other):
    strips = Strips((one, other), 2)
    last = blur(*strips.last())

    def total(*planes):
        return tf.reduce_sum(blur(*planes), (1, 2)), tf.reduce_max(planes[0]) * 0 + 1

    return strips.join(blur, last), *strips.sum(total, total(*strips.last()))


def planes(height, count=2):
    rng = np.random.default_rng(height)
    return tf.constant(rng.normal(size=(1, height, 10))), tf.constant(rng.normal(size=(count, height - 2, 10)))


@pytest.mark.parametrize(("height", "count"), [(7, 1), (8, 1), (9, 2), (12, 2), (13, 3), (25, 6)])
@pytest.mark.parametrize("known", [True, False])
def test_strips_make_the_same(height, count, known):
    one, other = planes(height)
    spec = [each.shape if known else [None, None, None] for each in (one, other)]
    graph = tf.function(in_strips).get_concrete_function(*(tf.TensorSpec(each, tf.float64) for each in spec))
    joined, sums, number = graph(one, other)
    expected = blur(one, other)
    np.testing.assert_array_equal(joined, expected)
    np.testing.assert_allclose(sums, tf.reduce_sum(expected, (1, 2)), rtol=1e-12)
    assert number == count


@pytest.mark.parametrize("compiled", [False, True])
def test_gradient(compiled):
    one, other = planes(25)

    @tf.function(jit_compile=compiled)
    def gradients(one, other, function):
        with tf.GradientTape() as tape:
            tape.watch((one, other))
            result = function(one, other)
        return tape.gradient(result, (one, other))

    found = gradients(one, other, lambda *both: sum(tf.reduce_sum(each**2) for each in in_strips(*both)[:2]))
    expected = gradients(
        one,
        other,
        lambda *both: tf.reduce_sum(blur(*both) ** 2) + tf.reduce_sum(tf.reduce_sum(blur(*both), (1, 2)) ** 2),
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


def test_small_planes_are_one_strip_without_a_loop():
    strips = Strips(planes(8), 2)
    assert strips.whole == 0
    last = strips.last()
    assert [each.shape for each in last] == [each.shape for each in planes(8)]
