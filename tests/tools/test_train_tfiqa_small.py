"""How the model that comes with tfiqa is fitted: splits that do not leak, and regressions that its layers repeat."""

import numpy as np
import pandas as pd
import pytest
from tfiqa_small_data import good_pictures, group_splits
from tfiqa_small_head import Distorted, Pairs, Photographs, distorted_set, fit_damage, fit_people

from tfiqa.models.layers import KernelRegression

FEATURES, COMPONENTS, CENTRES = 20, 6, 30


@pytest.fixture(scope="module")
def rated():
    return pd.DataFrame(
        {
            "image": [f"{i}.jpg" for i in range(60)],
            "score": np.random.default_rng(0).uniform(size=60),
            "group": [f"group {i // 2}" for i in range(60)],
        }
    )


def random_photographs(count=24):
    rng = np.random.default_rng(1)
    full, reduced = rng.normal(size=(2, count, FEATURES)).astype(np.float32)
    return Photographs(full, reduced, rng.uniform(size=count), np.array([f"{i}" for i in range(count)], object))


def random_distorted(count=80):
    rng = np.random.default_rng(2)
    features = rng.normal(size=(count, FEATURES)).astype(np.float32)
    contents = np.array([f"{i % 4}" for i in range(count)], object)
    pairs = Pairs(np.arange(0, count, 2), np.arange(1, count, 2))
    unharmed = np.arange(count) < 3
    return Distorted(features, rng.uniform(size=count), unharmed, contents, pairs, features[:5] + 1)


def test_no_group_is_on_both_sides_of_a_split(rated):
    splits = group_splits(rated["group"], test_pictures=11)
    assert len({tuple(split.test) for split in splits}) == len(splits) == 5
    for split in splits:
        assert not set(rated["group"][split.train]) & set(rated["group"][split.test])
        assert sorted([*split.train, *split.test]) == list(range(60))
        assert len(split.test) == 12  # whole pairs


def test_pictures_to_distort_are_good_alone_in_their_group_and_tested_by_no_split(rated):
    splits = group_splits(rated["group"], test_pictures=11)
    tested = set().union(*(split.test for split in splits))
    rows = [int(name.removesuffix(".jpg")) for name in good_pictures(rated, splits)]
    assert rows
    assert not set(rows) & tested
    assert rated["score"][rows].min() >= 0.6
    assert len({rated["group"][row] for row in rows}) == len(rows)
    left_out = set(range(60)) - tested - set(rows)
    assert all(rated["score"][i] < 0.6 or rated["score"][i ^ 1] >= rated["score"][i] for i in left_out)


def test_pairs_go_from_a_level_to_the_next_stronger_one():
    levels = [3, 1, 2, 3, 5, 4]
    types = ["jpeg"] * 3 + ["mean_shift"] * 3
    table = pd.DataFrame({"reference": "a", "distortion": types, "level": levels, "vsi": [0.7, 1, 0.8, 0.99, 0.6, 0.9]})
    made = distorted_set(np.zeros((6, FEATURES), np.float32), table, np.zeros((1, FEATURES), np.float32))
    assert sorted(zip(made.pairs.better, made.pairs.worse, strict=True)) == [(1, 2), (2, 0), (3, 5), (5, 4)]
    assert made.unharmed.tolist() == [False, True, False, False, False, False]
    np.testing.assert_allclose(made.intact, np.array([1, 5, 2, 4, 0, 3]) / 6)


@pytest.mark.parametrize("kind", ["people", "damage"])
def test_the_layer_says_what_was_fitted(kind):
    photographs, rows = random_photographs(), np.arange(20)
    if kind == "people":
        fitted = fit_people(photographs, rows, COMPONENTS)
    else:
        fitted = fit_damage(photographs, rows, random_distorted(), COMPONENTS, CENTRES + 50)
    layer = KernelRegression(len(fitted.offsets), COMPONENTS, len(fitted.centres), fitted.gamma)
    layer.build((None, FEATURES))
    layer.set_weights(fitted.weights())
    np.testing.assert_allclose(layer(photographs.full), fitted(photographs.full), rtol=1e-3, atol=1e-4)


def test_deviations_are_as_large_as_errors_of_pictures_left_out():
    photographs, rows = random_photographs(), np.arange(24)
    deviations = np.exp(fit_people(photographs, rows, COMPONENTS)(photographs.full)[:, 1])
    assert 0.2 < deviations.mean() < 0.5  # scores are random, from 0 to 1: nothing can be learned
