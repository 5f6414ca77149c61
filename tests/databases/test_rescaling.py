"""Databases of different scales on one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.pairs import thurstone_probability
from tfiqa.databases.rescaling import database_names, oriented, rescale
from tfiqa.errors import ManifestError
from tfiqa.score_scale import ScoreScale

DMOS = ScoreScale(0, 10, False, "DMOS")


def manifest(path, scores, scale=DMOS, **columns):
    table = pd.DataFrame({"image": [f"{n}.png" for n in range(len(scores))], "score": scores, **columns})
    return Manifest(table, None if path is None else Path(path), scale)


def test_scores_are_turned_and_stretched_by_the_rows_to_train_on():
    table = oriented(manifest("a.csv", [0.0, 2.0, 4.0, 6.0], score_std=[1.0, 2.0, 0.5, 0.0])).table
    got, limits = rescale(table.assign(database="a"), np.array([False, True, True, False]))
    assert got["score"].tolist() == [200, 100, 0, -100]
    assert got["score_std"].tolist() == [50, 100, 25, 0]
    assert limits == {"a": (-4.0, -2.0)}


def test_each_database_by_itself_and_probabilities_stay():
    random = np.random.default_rng(0)
    table = pd.DataFrame({"score": random.normal(size=20), "score_std": random.uniform(0.1, 1, 20)})
    table["database"] = ["a"] * 12 + ["b"] * 8
    got, limits = rescale(table, np.ones(20, bool))
    assert set(limits) == {"a", "b"}
    for rows in (slice(0, 12), slice(12, 20)):
        before, after = table[rows], got[rows]
        assert (after["score"].min(), after["score"].max()) == (0, pytest.approx(100))
        old, new = (
            thurstone_probability(np.subtract.outer(*[t["score"].to_numpy()] * 2), t["score_std"], t["score_std"])
            for t in (before, after)
        )
        np.testing.assert_allclose(new, old, atol=1e-12)


@pytest.mark.parametrize(
    ("fitted_on", "message"),
    [
        ([False, False, True], "database b has no picture to train on; it takes two that differ"),
        ([False, True, True], "database b has 1 picture to train on"),
        ([True, True, True], "database b has 2 pictures of one score to train on"),
    ],
)
def test_a_database_that_cannot_be_stretched(fitted_on, message):
    table = pd.DataFrame({"score": [3.0, 3.0, 1.0], "database": ["b", "b", "a"]})
    with pytest.raises(ManifestError, match=message):
        rescale(table, np.array(fitted_on))


def test_names_of_databases():
    def names(manifests, *sources):
        return [each.tolist() for each in database_names(manifests, [Path(source) for source in sources])]

    named = [manifest(None, [1.0], database="live"), manifest(None, [1.0])]
    assert names(named, "x/one.csv", "x/two.csv") == [["live"], ["two"]]
    halves = [manifest(None, [1.0], database="live"), manifest(None, [1.0, 2.0], database=["live", None])]
    assert names(halves, "x/one.csv", "x/two.csv") == [["live one"], ["live two", "two"]]
    plain = [manifest(None, [1.0]), manifest(None, [1.0]), manifest(None, [1.0])]
    assert names(plain, "x/one.csv", "y/one.csv", "packed") == [["x/one"], ["y/one"], ["packed"]]
    with pytest.raises(ManifestError, match=r"one\.csv is given twice"):
        names(plain[:2], "x/one.csv", "x/../x/one.csv")
