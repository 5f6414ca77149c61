import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.splits import split_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.models.baselines import brisque, brisque_training
from tfiqa.score_scale import ScoreScale
from tfiqa.training.brisque_run import quartiles, train_brisque

PICTURES = 60
SCALE = ScoreScale(0.0, 100.0, False, "test DMOS")


@pytest.fixture(autouse=True)
def small_search(monkeypatch):
    monkeypatch.setitem(brisque_training.search.__kwdefaults__, "costs", (4.0,))
    monkeypatch.setitem(brisque_training.search.__kwdefaults__, "gammas", (0.05, 0.1))


@pytest.fixture
def manifest():
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {"image": [f"{place}.png" for place in range(PICTURES)], "score": random.uniform(0, 100, PICTURES)}
    )
    table["group"] = [f"scene {place // 3}" for place in range(PICTURES)]
    return Manifest(table, None, SCALE)


@pytest.fixture
def features(manifest):
    """Two tell the score."""
    features = np.random.default_rng(1).normal(size=(PICTURES, 36))
    features[:, :12] = manifest.table["score"].to_numpy()[:, None] / 20
    return features


def test_random_splits_are_those_of_recipes(manifest, features):
    told = []
    repeats = list(train_brisque(manifest, features, seed=5, repeats=2, progress=lambda *counts: told.append(counts)))
    assert [repeat.seed for repeat in repeats] == [5, 6]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for repeat in repeats:
        split = split_manifest(manifest, {"train": 0.7, "validation": 0.1, "test": 0.2}, repeat.seed)
        test = split.table[split.table["split"] == "test"]
        assert list(repeat.predictions["image"]) == list(test["image"])
        rows = test.index.to_numpy()
        np.testing.assert_array_equal(repeat.predictions["brisque"], repeat.model.predict(features[rows]))
        others = np.setdiff1d(np.arange(PICTURES), rows)
        np.testing.assert_array_equal(repeat.model.low, features[others].min(axis=0))  # validation pictures train, too
        groups, scores = (manifest.table.loc[others, column] for column in ("group", "score"))
        assert repeat.setting == brisque.search(features[others], scores, groups="group " + groups, seed=repeat.seed)
        assert repeat.report.srcc > 0.8
        assert repeat.model.scale == SCALE
    expected = np.quantile([repeat.report.srcc for repeat in repeats], [0.5, 0.25, 0.75])
    np.testing.assert_allclose(quartiles(repeats).loc["SRCC", ["median", "lower quartile", "upper quartile"]], expected)
    assert expected[1] < expected[2]
    document = repeats[0].to_dict()
    assert (document["seed"], document["cost"], document["srcc"]) == (5, 4, repeats[0].report.srcc)


def test_the_manifests_own_split(manifest, features):
    is_test = np.arange(PICTURES) >= 45
    own = Manifest(manifest.table.assign(split=np.where(is_test, "test", "train")), None, SCALE)
    (repeat,) = train_brisque(own, features)
    assert list(repeat.predictions.index) == list(range(45, 60))
    with pytest.raises(InvalidInput, match="has a column 'split'; several repeats need random splits"):
        list(train_brisque(own, features, repeats=2))
    with pytest.raises(ManifestError, match="marks no row as 'test'"):
        list(train_brisque(Manifest(manifest.table.assign(split="train"), None, SCALE), features))


def test_pictures_without_features_are_left_out(manifest, features):
    features[::7] = np.nan
    (repeat,) = train_brisque(manifest, features)
    test = split_manifest(manifest, {"train": 0.7, "validation": 0.1, "test": 0.2}, 1).table["split"] == "test"
    assert list(repeat.predictions.index) == [place for place in np.flatnonzero(test) if place % 7]
    with pytest.raises(InvalidInput, match=r"learns from two pictures or more. Received: 0"):
        list(train_brisque(manifest, np.full((PICTURES, 36), np.nan)))


def test_folds_get_the_groups(manifest, features, monkeypatch):
    seen = {}

    def search(*arguments, groups, **options):
        seen["groups"] = groups
        return brisque.Setting(4.0, 0.1)

    monkeypatch.setattr(brisque, "search", search)
    (repeat,) = train_brisque(manifest, features)
    held_out = set(manifest.table.loc[repeat.predictions.index, "group"])
    assert {f"group {group}" for group in set(manifest.table["group"]) - held_out} == set(seen["groups"])
