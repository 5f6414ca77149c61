"""Which pictures and pairs the batches hold."""

from itertools import chain

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.pairs import PairStream, thurstone_probability
from tfiqa.pipelines.batches import PairBatches, PictureBatches
from tfiqa.score_scale import ScoreScale

HIGHER, LOWER = ScoreScale(0, 100, True, "MOS"), ScoreScale(0, 10, False, "DMOS")
SIZES = (5, 7)


def manifest(pictures, scale=HIGHER, factor=1.0, seed=0):
    random = np.random.default_rng(seed)
    score = random.uniform(0, 100, pictures) * factor
    table = pd.DataFrame({"image": [f"{n}.png" for n in range(pictures)], "score": score})
    return Manifest(table.assign(score_std=random.uniform(5, 20, pictures) * abs(factor)), None, scale)


def pair_batches(batch_size=4, seed=1, manifests=None):
    manifests = manifests or [manifest(size) for size in SIZES]
    streams = [PairStream(each, each_count(each), seed=seed) for each in manifests]
    rows = [np.arange(SIZES[0]), SIZES[0] + np.arange(SIZES[1])]
    return PairBatches(streams, rows, batch_size, seed)


def each_count(manifest):
    return len(manifest) * (len(manifest) - 1) // 2


def test_single_pictures_come_as_often_as_asked():
    batches = PictureBatches({"quality": np.arange(5, dtype=np.float32)[:, None]}, 3, 4, seed=0)
    assert (batches.crops, batches.steps, batches.widths) == (15, 4, {"quality": 1})
    found = list(batches.epoch(2))
    assert [len(batch.rows) for batch in found] == [4, 4, 4, 3]
    for batch in found:
        np.testing.assert_array_equal(batch.targets["quality"][:, 0], batch.rows)
    assert sorted(np.concatenate([batch.rows for batch in found])) == sorted([*range(5)] * 3)


def test_every_pair_of_each_database_once_an_epoch_and_none_between_databases():
    batches = pair_batches()
    assert (batches.crops, batches.steps, batches.widths) == (2 * (10 + 21), 8, {"ranking": 2})
    pairs = np.concatenate([batch.rows for batch in batches.epoch(0)]).reshape(-1, 2)
    assert ((pairs < SIZES[0]).all(axis=1) | (pairs >= SIZES[0]).all(axis=1)).all()
    assert len({frozenset(pair) for pair in pairs.tolist()}) == 31


def test_targets_are_the_pairs_own():
    manifests = [manifest(size) for size in SIZES]
    tables = pd.concat([each.table for each in manifests], ignore_index=True)
    for batch in pair_batches(manifests=manifests).epoch(3):
        first, second = (tables.iloc[batch.rows[place::2]].reset_index(drop=True) for place in (0, 1))
        ranking = batch.targets["ranking"]
        np.testing.assert_array_equal(ranking[::2], ranking[1::2])
        expected = thurstone_probability(first["score"] - second["score"], first["score_std"], second["score_std"])
        np.testing.assert_allclose(ranking[::2, 0], expected, atol=1e-6)
        np.testing.assert_array_equal(ranking[::2, 1], np.sign(first["score_std"] - second["score_std"]))


def test_epochs_have_the_same_pairs_in_another_order():
    batches = pair_batches()
    one, two, again = ([batch.rows.tolist() for batch in batches.epoch(epoch)] for epoch in (0, 1, 0))
    assert one == again
    assert one != two
    assert sorted(chain(*one)) == sorted(chain(*two))
    assert one != [batch.rows.tolist() for batch in pair_batches(seed=2).epoch(0)]


@pytest.mark.parametrize("factor", [-0.1, 25.0])
def test_scale_and_direction_of_a_database_do_not_matter(factor):
    scale = LOWER if factor < 0 else HIGHER
    other = [manifest(SIZES[0]), manifest(SIZES[1], scale, factor)]
    for batch, same in zip(pair_batches().epoch(0), pair_batches(manifests=other).epoch(0), strict=True):
        np.testing.assert_array_equal(batch.rows, same.rows)
        np.testing.assert_allclose(batch.targets["ranking"], same.targets["ranking"], atol=1e-6)
