"""The earth mover's distance against its equation."""

import keras
import numpy as np
import pytest

from tfiqa.errors import InvalidInput
from tfiqa.losses.distributions import EMD
from tfiqa.losses.multitask import check_loss, compiled_losses


@pytest.fixture
def shares():
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(10), 5).astype(np.float32), rng.dirichlet(np.ones(10), 5).astype(np.float32)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_equation_1_of_each_picture(r, shares):
    p, q = (np.cumsum(each.astype(np.float64), axis=1) for each in shares)
    want = np.mean(np.abs(p - q) ** r, axis=1) ** (1 / r)
    np.testing.assert_allclose(EMD(r, reduction=None)(*shares), want, rtol=1e-5)
    assert float(EMD(r)(*shares)) == pytest.approx(want.mean(), rel=1e-5)  # the root before the mean over pictures


def test_a_vote_further_away_costs_more():
    votes = np.eye(10, dtype=np.float32)
    distances = np.asarray(EMD(1, reduction=None)(np.repeat(votes[:1], 10, axis=0), votes))
    np.testing.assert_allclose(distances, np.arange(10) / 10, atol=1e-6)


def test_a_perfect_prediction_has_a_finite_slope():
    import tensorflow as tf

    prediction = tf.Variable(np.full((1, 10), 0.1, np.float32))
    with tf.GradientTape() as tape:
        loss = EMD()(np.full((1, 10), 0.1, np.float32), prediction)
    assert float(loss) == pytest.approx(0, abs=2e-6)
    assert np.isfinite(tape.gradient(loss, prediction)).all()


def test_reads_back():
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(EMD(1)))
    assert (type(again), again.r) == (EMD, 1)


def test_only_the_distribution_teaches(shares):
    """The mean's error is told beside it, as Keras compiles the two."""
    image = keras.Input((3,))
    distribution = keras.layers.Dense(10, activation="softmax")(image)
    outputs = {"quality": keras.layers.Dense(1)(image), "uncertainty": keras.layers.Dense(1)(image)}
    model = keras.Model(image, {**outputs, "distribution": distribution})
    losses, weights = compiled_losses(model, "emd", ("quality", "distribution"), {})
    model.compile(loss=losses, loss_weights=weights)
    x = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    targets = {"quality": np.full((5, 1), 1e3, np.float32), "distribution": shares[0]}
    got = model.evaluate(x, targets, verbose=0, return_dict=True)
    want = float(EMD()(shares[0], model.predict(x, verbose=0)["distribution"]))
    assert got["loss"] == pytest.approx(want, rel=1e-5)
    assert got["quality_loss"] > 1e5


def test_which_losses_suit_a_distribution():
    check_loss("emd", ("quality", "distribution"), {})
    with pytest.raises(InvalidInput, match=r"take loss\.name=emd"):
        check_loss("mse", ("quality", "distribution"), {})
    with pytest.raises(InvalidInput, match="loss emd is for quality and distribution"):
        check_loss("emd", ("quality",), {})
    with pytest.raises(InvalidInput, match="is of one output"):
        check_loss("emd", ("quality", "distribution"), {"distribution": 1})
