"""The distance of distributions of votes."""

import numpy as np
import pandas as pd
import pytest

from tfiqa.evaluation.vote_distance import vote_distance
from tfiqa.losses.distributions import EMD
from tfiqa.models.baselines.nima import BINS


def votes(*rows):
    return pd.DataFrame(np.array(rows, float), columns=BINS)


def test_it_is_the_loss_with_r_1_whatever_the_number_of_votes():
    rng = np.random.default_rng(0)
    predicted, truth = rng.dirichlet(np.ones(10), 4), rng.integers(0, 50, (4, 10))
    shares = truth / truth.sum(axis=1, keepdims=True)
    want = float(EMD(1)(shares.astype(np.float32), predicted.astype(np.float32)))
    assert vote_distance(votes(*predicted), votes(*truth)) == pytest.approx(want, rel=1e-5)


def test_rows_without_votes_do_not_count():
    first, last, none = np.eye(10)[0], np.eye(10)[9], np.zeros(10)
    assert vote_distance(votes(first, first, first), votes(last, none, np.full(10, np.nan))) == pytest.approx(0.9)
    assert vote_distance(votes(first), votes(none)) is None


def test_nothing_to_compare():
    assert vote_distance(votes(np.eye(10)[0]), pd.DataFrame({"score": [1]})) is None
    assert vote_distance(pd.DataFrame({"quality": [1]}), votes(np.eye(10)[0])) is None
