"""The error averaged over what is known."""

import numpy as np
import pytest
import tensorflow as tf

from tfiqa.losses.regression import KnownMean


@pytest.mark.parametrize(("error", "distance"), [("mse", np.square), ("l1", np.abs)])
def test_the_mean_over_what_is_known(error, distance):
    truth = np.array([[1, 2, np.nan], [3, np.nan, np.nan]], np.float32)
    predicted = np.array([[2, 4, 100], [0, -100, 7]], np.float32)
    loss = KnownMean(error)
    assert float(loss(truth, predicted)) == pytest.approx(distance([1, 2, 3]).mean())
    again = KnownMean.from_config(loss.get_config())
    assert float(again(truth, predicted)) == float(loss(truth, predicted))
    assert float(loss(truth[:, 2:], predicted[:, 2:])) == 0


def test_what_is_unknown_has_no_gradient():
    truth = np.array([[1, np.nan]], np.float32)
    predicted = tf.Variable([[2.0, 5.0]])
    with tf.GradientTape() as tape:
        value = KnownMean()(truth, predicted)
    assert tape.gradient(value, predicted).numpy().tolist() == [[2, 0]]
