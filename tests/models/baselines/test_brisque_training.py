import numpy as np
import pytest
from sklearn.svm import SVR

from tfiqa.errors import InvalidInput
from tfiqa.models.baselines import brisque, brisque_training
from tfiqa.models.baselines.brisque_training import EPSILON
from tfiqa.score_scale import ScoreScale

SCALE = ScoreScale(0.0, 10.0, True, "test MOS")


def samples(count, seed=0):
    """Features of different sizes, and a score that depends on two of them."""
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 36))
    y = 5 + 3 * np.sin(2 * x[:, 0]) + 2 * x[:, 1] ** 2
    return x * np.logspace(-3, 3, 36) + 7, y


def test_the_model_is_scikit_learns():
    x, y = samples(80)
    model = brisque.fit(x, y, scale=SCALE, setting=brisque.Setting(4.0, 0.1))
    others, _ = samples(20, seed=1)
    scaled, scaled_others = (-1 + 2 * (each - x.min(0)) / (x.max(0) - x.min(0)) for each in (x, others))
    machine = SVR(C=4.0, gamma=0.1, epsilon=EPSILON).fit(scaled, (y - y.mean()) / y.std())
    np.testing.assert_allclose(model.predict(others), machine.predict(scaled_others) * y.std() + y.mean(), rtol=1e-10)
    assert model.scale == SCALE


def test_the_search_finds_what_predicts_best():
    x, y = samples(120)
    setting = brisque.search(x, y, costs=(1e-4, 16.0), gammas=(1e-3, 1 / 64, 8.0))
    assert (setting.cost, setting.gamma) == (16, 1 / 64)
    model = brisque.fit(x, y, setting=setting)
    others, truth = samples(200, seed=1)
    assert np.sqrt(np.mean((model.predict(others) - truth) ** 2)) == pytest.approx(setting.error, rel=0.3)
    assert setting.error < 0.7 * y.std()


def test_the_search_is_repeatable_and_tells_its_progress():
    x, y = samples(60)
    told = []
    settings = {
        brisque.search(x, y, costs=(1, 4), gammas=(0.1,), workers=workers, progress=lambda *counts: told.append(counts))
        for workers in (1, 3)
    }
    assert len(settings) == 1
    assert told == [(1, 2), (2, 2)] * 2
    assert brisque.search(x, y, costs=(1, 4), gammas=(0.1,), seed=1) not in settings


def test_groups_do_not_straddle_folds():
    """Scores are chance, but equal within a group, whose features are nearly equal: only leaking folds predict them."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 4)
    y = random.normal(size=30)[groups]
    x = random.uniform(-1, 1, (30, 36))[groups] + random.normal(0, 0.01, (120, 36))
    setting = {"costs": (100.0,), "gammas": (0.1,)}
    assert brisque.search(x, y, **setting).error < 0.3 * y.std()
    assert brisque.search(x, y, groups=[f"g{group}" for group in groups], **setting).error > 0.9 * y.std()


def test_a_feature_that_never_varies_does_not_count():
    x, y = samples(60)
    x[:, 5] = 3.0
    model = brisque.fit(x, y, setting=brisque.Setting(4.0, 0.1))
    other = x.copy()
    other[:, 5] = 1e6
    np.testing.assert_array_equal(model.predict(other), model.predict(x))


def test_what_cannot_be_trained_on():
    x, y = samples(20)
    with pytest.raises(InvalidInput, match=r"20 pictures need as many finite scores. Received: \(19,\)"):
        brisque.fit(x, y[:19])
    with pytest.raises(InvalidInput, match="finite scores"):
        brisque.fit(x, np.full(20, np.nan))
    with pytest.raises(InvalidInput, match="all scores are equal"):
        brisque.fit(x, np.ones(20))
    with pytest.raises(InvalidInput, match=r"two pictures or more. Received: 0"):
        brisque.fit(x[:0], y[:0])
    for groups in (["one"] * 20, np.arange(19)):
        with pytest.raises(InvalidInput, match="needs a group for each picture, and two different ones"):
            brisque.search(x, y, groups=groups)


def test_fit_searches_with_its_groups_and_seed(monkeypatch):
    x, y = samples(20)
    asked = {}

    def search(*arguments, **options):
        asked.update(options)
        return brisque.Setting(4.0, 0.1)

    monkeypatch.setattr(brisque_training, "search", search)
    assert brisque.fit(x, y, groups=["a", "b"] * 10, seed=3).gamma == 0.1
    assert asked == {"groups": ["a", "b"] * 10, "seed": 3}


def test_two_groups_are_two_folds():
    x, y = samples(20)
    assert brisque.search(x, y, groups=[0, 1] * 10, costs=(1,), gammas=(0.1,)).error > 0
