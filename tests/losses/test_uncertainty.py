import keras
import numpy as np
import pytest
from small_networks import small_resnet18

import tfiqa
from tfiqa.losses.uncertainty import SoftCrossEntropy, uncertainty_losses


@pytest.fixture(scope="module")
def model():
    with small_resnet18():
        return tfiqa.build_model("spaq_mt_s", backbone="resnet18")


def equation_8(quality, scores, logits, labels, sigma_1, sigma_2):
    m = len(quality)
    log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    l1, l4 = np.abs(quality - scores).sum(), -(labels * log_softmax).sum()
    return l1 / sigma_1 + l4 / sigma_2 + m * np.log(sigma_1) + m / 2 * np.log(sigma_2)


def test_both_losses_together_are_equation_8(model):
    rng = np.random.default_rng(0)
    quality, scores = rng.uniform(0, 100, (2, 6, 1)).astype(np.float32)
    logits = rng.normal(0, 2, (6, 9)).astype(np.float32)
    labels = np.zeros((6, 9), np.float32)
    labels[np.arange(6), rng.integers(0, 9, 6)] = 1
    labels[0] = [0.5, 0, 0, 0.5, 0, 0, 0, 0, 0]
    losses = uncertainty_losses(model)
    for sigmas in ((1.0, 1.0), (3.0, 0.5)):
        model.get_layer("task_uncertainty").log_sigma.assign(np.log(sigmas))
        got = float(losses["quality"](scores, quality)) + float(losses["scene_logits"](labels, logits))
        assert got * 6 == pytest.approx(equation_8(quality, scores, logits, labels, *sigmas), rel=1e-5)


def test_cross_entropy_of_several_labels():
    logits = np.array([[0.0, 0.0, 0.0]], np.float32)
    assert float(SoftCrossEntropy()(np.array([[0.5, 0.5, 0.0]]), logits)) == pytest.approx(np.log(3), rel=1e-6)


def test_sigmas_are_learned_with_the_network(model):
    """Where only the sigmas train, L1 errors of 8 and a cross-entropy of log 9 pull them to 8 and 2 log 9."""
    layer = model.get_layer("task_uncertainty")
    layer.log_sigma.assign([0.0, 0.0])
    picture = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    for other in model.layers:
        other.trainable = other is layer
    model.get_layer("semantic_fc").kernel.assign(np.zeros((512, 9)))
    model.get_layer("semantic_fc").bias.assign(np.zeros(9))
    quality = np.asarray(model(picture, training=False)["quality"])
    targets = {"quality": quality + 8, "scene_logits": np.full((2, 9), 1 / 9, np.float32)}
    model.compile(keras.optimizers.Adam(0.05), loss=uncertainty_losses(model), jit_compile=False)
    for _ in range(250):
        model.train_on_batch(picture, targets)
    sigmas = np.exp(np.asarray(layer.log_sigma))
    np.testing.assert_allclose(sigmas, [8, 2 * np.log(9)], rtol=0.02)
