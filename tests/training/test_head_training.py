"""One head: it learns what is planted, and depends on its arguments alone."""

import tracemalloc

import numpy as np
import pytest
from head_features import SCALE, narrow_heads, planted
from sklearn.svm import SVR

from tfiqa.evaluation.correlation import srcc
from tfiqa.training.heads import support_vectors
from tfiqa.training.heads.network import HeadNetwork, _batches
from tfiqa.training.heads.support_vectors import SupportVectors

TRAIN, VALIDATION, TEST = np.arange(120), np.arange(120, 150), np.arange(150, 200)
ADAM = {"epochs": 20, "learning_rate": 1e-2}


@pytest.fixture(scope="module", autouse=True)
def _narrow():
    with narrow_heads():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    part = planted(tmp_path_factory.mktemp("features"), pictures=200)
    return part.features, part.manifest.table["score"].to_numpy()


@pytest.fixture(scope="module")
def network(_narrow):
    return HeadNetwork(24, batch_normalization=True, batch_size=16)


def test_the_network_learns_what_is_planted(data, network):
    features, scores = data
    fit = network.fit(features, scores, TRAIN, VALIDATION, **ADAM, seed=1)
    assert srcc(network.predict(features, TEST), scores[TEST]) > 0.8
    assert 1 <= fit.epoch <= ADAM["epochs"]
    # What is left in the model is the best epoch, not the last.
    loss = np.mean((network.predict(features, VALIDATION) - scores[VALIDATION]) ** 2)
    assert loss == pytest.approx(fit.validation_loss, rel=1e-6)


def test_the_test_pictures_teach_nothing(data, network):
    features, scores = data
    first = network.fit(features, scores, TRAIN, VALIDATION, epochs=2, learning_rate=1e-3, seed=1)
    other_scores, other_features = scores.copy(), features.copy()
    other_scores[TEST], other_features[TEST] = 0, 1
    second = network.fit(other_features, other_scores, TRAIN, VALIDATION, epochs=2, learning_rate=1e-3, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))


def test_a_fit_depends_on_its_arguments_alone(data, network):
    features, scores = data

    def weights(which, seed):
        return which.fit(features, scores, TRAIN, VALIDATION, epochs=2, learning_rate=1e-3, seed=seed).weights

    first = weights(network, 3)
    weights(network, 4)
    again = weights(network, 3)
    fresh = weights(HeadNetwork(24, batch_normalization=True, batch_size=16), 3)
    assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first, again, fresh, strict=True))
    assert not np.array_equal(first[0], weights(network, 4)[0])


def test_a_loss_that_is_not_finite_ends_the_fit(data, network):
    features, scores = data
    fit = network.fit(features, scores, TRAIN, VALIDATION, epochs=3, learning_rate=1e30, seed=1)
    assert (fit.epoch, fit.validation_loss, fit.weights) == (None, np.inf, ())


def test_predictions_are_means_over_the_views(data, network):
    features, scores = data
    network.fit(features, scores, TRAIN, VALIDATION, epochs=1, learning_rate=1e-3, seed=1)
    other = features[::-1]
    both = network.predict(np.concatenate([features, other], axis=1))
    assert both == pytest.approx((network.predict(features) + network.predict(other)) / 2, rel=1e-5)


def test_every_epoch_draws_a_view(data, network, monkeypatch):
    features = np.concatenate([np.zeros_like(data[0]), np.ones_like(data[0])], axis=1)
    seen = []
    monkeypatch.setattr(network.model, "train_on_batch", lambda x, y: seen.append(x[:, 0]))
    network.fit(features, data[1], TRAIN, VALIDATION, epochs=2, learning_rate=1e-3, seed=1)
    drawn = np.concatenate(seen)
    assert len(drawn) == 2 * len(TRAIN)
    assert 0.3 < drawn.mean() < 0.7
    assert not np.array_equal(drawn[: len(TRAIN)], drawn[len(TRAIN) :])


@pytest.mark.parametrize(
    ("count", "sizes"), [(36, [16, 16, 4]), (32, [16, 16]), (33, [16, 17]), (1, [1]), (17, [17]), (5, [5])]
)
def test_no_batch_of_one(count, sizes):
    assert [len(range(count)[part]) for part in _batches(count, 16)] == sizes


def test_support_vectors_are_scikit_learns(data):
    features, scores = data
    machine = SupportVectors(features, scores, TRAIN, VALIDATION)
    fit = machine.fit({"cost": 4.0, "gamma": 0.5, "epsilon": 0.1})

    x = features[:, 0].astype(np.float64)
    x = (x - x[TRAIN].mean(axis=0)) / x[TRAIN].std(axis=0)
    center, size = scores[TRAIN].mean(), scores[TRAIN].std()
    wanted = SVR(kernel="rbf", C=4.0, gamma=0.5 / 24, epsilon=0.1).fit(x[TRAIN], (scores[TRAIN] - center) / size)
    predictions = wanted.predict(x) * size + center
    assert machine.predict(TEST) == pytest.approx(predictions[TEST], abs=0.05)
    assert machine.predict_others(features[TEST]) == pytest.approx(predictions[TEST], abs=0.05)
    assert fit.validation_loss == pytest.approx(np.mean((predictions - scores)[VALIDATION] ** 2), rel=0.01)


def test_distances_by_blocks_are_the_plain_ones(data, monkeypatch):
    monkeypatch.setattr(support_vectors, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(support_vectors, "COLUMNS_AT_ONCE", 5)
    features = np.concatenate([data[0], data[0][::-1]], axis=1)
    machine = SupportVectors(features, data[1], TRAIN, VALIDATION)
    x = features.astype(np.float64).mean(axis=1)
    x = (x - x[TRAIN].mean(axis=0)) / x[TRAIN].std(axis=0)
    plain = ((x[:, None] - x[TRAIN]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(machine._distances, plain, rtol=1e-5, atol=1e-4)


def test_support_vectors_hold_the_training_pictures_once(monkeypatch):
    monkeypatch.setattr(support_vectors, "ROWS_AT_ONCE", 16)
    rng = np.random.default_rng(0)
    features, scores = rng.random((200, 1, 10_000)).astype(np.float16), rng.random(200)
    tracemalloc.start()
    machine = SupportVectors(features, scores, TRAIN, VALIDATION)
    machine.fit({"cost": 1.0, "gamma": 0.5, "epsilon": 0.1})
    machine.predict_others(features)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1.6 * len(TRAIN) * 10_000 * 4


def test_what_does_not_vary_is_found_whatever_its_value(data):
    """Many times 0.1 added up in float32 is not exactly its multiple."""
    features, scores = data
    constant = np.full((len(features), 1, 1), 0.1, np.float32)
    constant[TEST] = 9
    wider = SupportVectors(np.concatenate([constant, features], axis=2), scores, TRAIN, VALIDATION)
    wanted = SupportVectors(features, scores, TRAIN, VALIDATION)._distances
    np.testing.assert_allclose(wider._distances, wanted, rtol=1e-5, atol=1e-4)


def test_support_vectors_leave_out_what_does_not_vary(data):
    features, scores = data
    setting = {"cost": 4.0, "gamma": 0.5, "epsilon": 0.1}
    machine = SupportVectors(features, scores, TRAIN, VALIDATION)
    constant = np.full_like(features[:, :, :3], 7)
    constant[TEST] = 9  # varies, but not in training
    wider = SupportVectors(np.concatenate([constant, features], axis=2), scores, TRAIN, VALIDATION)
    assert machine.fit(setting).validation_loss == pytest.approx(wider.fit(setting).validation_loss, rel=1e-4)
    assert wider.predict(TEST) == pytest.approx(machine.predict(TEST), rel=1e-4)


def test_support_vectors_learn_what_is_planted(data):
    features, scores = data
    machine = SupportVectors(features, scores, TRAIN, VALIDATION)
    machine.fit({"cost": 16.0, "gamma": 0.0625, "epsilon": 0.1})
    assert srcc(machine.predict(TEST), scores[TEST]) > 0.95
    assert np.abs(machine.predict(TEST) - scores[TEST]).mean() < 3
    assert SCALE.low < machine.predict(TEST).mean() < SCALE.high
