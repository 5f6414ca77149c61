"""Losses of pairs against formulas in double precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_ndtr, ndtr

from tfiqa.errors import UnknownName
from tfiqa.evaluation.correlation import srcc
from tfiqa.losses.pair_settings import PairSettings
from tfiqa.losses.ranking import (
    PairLoss,
    cross_entropy,
    deviation_hinge,
    fidelity,
    log_normal_cdf,
    normal_cdf,
    thurstone_margin,
)

FAR = np.linspace(-40, 40, 2001).astype(np.float32)


def gradient(function, *values):
    tensors = [tf.constant(value) for value in values]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        result = function(*tensors)
    return [None if each is None else each.numpy() for each in tape.gradient(result, tensors)]


def test_the_distribution_function_and_its_logarithm():
    np.testing.assert_allclose(normal_cdf(FAR), ndtr(FAR.astype(float)), atol=1e-7)
    np.testing.assert_allclose(log_normal_cdf(FAR), log_ndtr(FAR.astype(float)), rtol=3e-6, atol=2e-7)


def test_fidelity_by_its_formula():
    margin, truth = np.float32([-1.5, 0.0, 0.3, 2.0]), np.float32([0.2, 0.5, 0.9, 1.0])
    p = ndtr(margin.astype(float))
    expected = 1 - np.sqrt(p * truth + 1e-8) - np.sqrt((1 - p) * (1 - truth) + 1e-8)
    np.testing.assert_allclose(fidelity(margin, truth), expected, atol=1e-6)


@pytest.mark.parametrize("truth", [0.0, 0.25, 0.5, 1.0])
def test_fidelity_is_bounded_least_at_equality_and_smooth_everywhere(truth):
    values = np.asarray(fidelity(FAR, np.full_like(FAR, truth)))
    assert values.min() > -2e-4
    assert values.max() <= 1
    if 0 < truth < 1:
        best = FAR[values.argmin()]
        assert ndtr(best) == pytest.approx(truth, abs=0.02)
    (slope,) = gradient(lambda margin: fidelity(margin, tf.fill(margin.shape, np.float32(truth))), FAR)
    assert np.isfinite(slope).all()
    assert np.abs(slope).max() < 1


def test_cross_entropy_has_no_bound_and_a_slope_far_out():
    wrong = np.float32([0, -10, -30])
    truth = np.ones(3, np.float32)
    np.testing.assert_allclose(cross_entropy(wrong, truth), -log_ndtr(wrong.astype(float)), rtol=1e-5)
    (slope,) = gradient(lambda margin: cross_entropy(margin, truth), wrong)
    np.testing.assert_allclose(slope, [-0.7979, -10.1, -30.03], rtol=1e-2)


def test_the_denominator_is_detached_unless_asked():
    means, stds = (np.float32([1.0]), np.float32([0.2])), (np.float32([0.5]), np.float32([1.2]))
    margin = np.asarray(thurstone_margin(*means, *stds))
    np.testing.assert_allclose(margin, 0.8 / 1.3, rtol=1e-6)
    detached = gradient(lambda a, b: thurstone_margin(*means, a, b), *stds)
    assert detached == [None, None]
    attached = gradient(lambda a, b: thurstone_margin(*means, a, b, attached=True), *stds)
    np.testing.assert_allclose(np.concatenate(attached), -0.8 * np.array([0.5, 1.2]) / 1.3**3, rtol=1e-5)


def test_the_hinge():
    one, two = np.float32([0.3, 0.3, 0.3, 0.3]), np.float32([0.1, 0.29, 0.5, 0.3])
    order = np.float32([1, 1, 1, 0])
    np.testing.assert_allclose(deviation_hinge(one, two, order, 0.025), [0, 0.015, 0.225, 0.025], atol=1e-6)


def rows(*pairs):
    """Each pair's two rows."""
    return np.float32([row for pair in pairs for row in pair])


def test_a_pair_is_two_neighbouring_rows():
    predicted = rows(((1.0, 0.5), (0.2, 1.2)), ((-1.0, 0.4), (0.0, 0.3)))
    truth = np.repeat(np.float32([[0.9, -1], [0.3, 1]]), 2, axis=0)
    loss = PairLoss(PairSettings(), reduction="none")
    expected = np.asarray(fidelity(np.float32([0.8 / 1.3, -1 / 0.5]), np.float32([0.9, 0.3])))
    np.testing.assert_allclose(loss(truth, predicted), np.repeat(expected, 2), atol=1e-6)
    np.testing.assert_allclose(PairLoss(PairSettings())(truth, predicted), expected.mean(), atol=1e-6)
    swapped = PairLoss(PairSettings(hinge=2.0), reduction="none")(truth * [1, -1], predicted)
    np.testing.assert_allclose(swapped, np.repeat(expected + 2 * np.float32([0.725, 0.125]), 2), atol=1e-6)


def test_pairs_teach_an_order_that_no_scale_could(tmp_path):
    """Two sets of pictures on unlike scales, one number each: the ranks within both come right, and the deviations' order."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    quality, spread = x @ np.float32([1, -2, 0, 0]), np.abs(x[:, 2]) + 0.1
    first, second = np.triu_indices(64, 1)
    same = first % 2 == second % 2  # even and odd pictures are never compared
    first, second = first[same], second[same]
    truth = ndtr((quality[first] - quality[second]) / np.hypot(spread[first], spread[second]))
    truth = np.repeat(np.stack([truth, np.sign(spread[first] - spread[second])], 1), 2, axis=0).astype(np.float32)
    pairs = np.stack([first, second], 1).ravel()
    image = keras.Input((4,))
    hidden = keras.layers.Dense(32, "relu")(image)
    mean, deviation = keras.layers.Dense(1)(hidden), keras.layers.Dense(1, "softplus")(hidden)
    model = keras.Model(image, keras.layers.Concatenate()([mean, deviation]))
    model.compile(keras.optimizers.Adam(1e-2), PairLoss(PairSettings()))
    model.fit(x[pairs], truth, batch_size=256, epochs=15, shuffle=False, verbose=0)
    learned = model.predict(x, verbose=0)
    assert srcc(learned[:, 0], quality) > 0.95
    assert srcc(learned[:, 1], spread) > 0.6


def test_settings_are_checked_and_saved():
    with pytest.raises(UnknownName, match="did you mean 'fidelity'"):
        PairSettings("fidelty")
    loss = PairLoss(PairSettings("cross_entropy", 0.5, 0.1, attached=True))
    assert PairLoss.from_config(loss.get_config()).settings == loss.settings
