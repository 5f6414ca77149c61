import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.pairs import PairStream, mixed_blocks, pair_of_rank, permuted, thurstone_probability
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.score_scale import ScoreScale

MOS = ScoreScale(0, 100, True, "MOS")
DMOS = ScoreScale(0, 100, False, "DMOS")


def manifest(count, scale=MOS, database="live", seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "image": [f"{place}.png" for place in range(count)],
            "score": rng.uniform(0, 100, count),
            "score_std": rng.uniform(5, 20, count).round(),
            "database": database,
        }
    )
    return Manifest(table, None, scale)


def all_pairs(stream):
    blocks = list(stream.blocks(7))
    return np.concatenate([np.stack([block.first, block.second], axis=1) for block in blocks])


@pytest.mark.parametrize("count", [2, 3, 10, 301])
def test_ranks_name_every_pair_once(count):
    first, second = pair_of_rank(np.arange(count * (count - 1) // 2), count)
    expected = np.triu_indices(count, 1)
    assert (first == expected[0]).all()
    assert (second == expected[1]).all()


def test_ranks_are_exact_for_very_many_pictures():
    count = 70_000_019
    total = count * (count - 1) // 2
    first, second = pair_of_rank(np.array([0, count - 2, count - 1, total - 2, total - 1]), count)
    assert first.tolist() == [0, 0, 1, count - 3, count - 2]
    assert second.tolist() == [1, count - 1, 2, count - 1, count - 1]


@pytest.mark.parametrize("size", [1, 2, 3, 100, 4097])
def test_the_permutation_is_one_and_depends_on_the_seed(size):
    places = np.arange(size)
    one, other = permuted(places, size, 1), permuted(places, size, 2)
    assert sorted(one) == places.tolist()
    assert size < 100 or (one != other).mean() > 0.9
    assert size < 100 or abs(np.corrcoef(places, one)[0, 1]) < 0.2


def test_the_order_is_the_same_on_every_machine():
    assert permuted(np.arange(8), 1000, 1).tolist() == [661, 844, 469, 150, 199, 506, 472, 806]


def test_all_pairs_come_once_and_the_first_n_do_not_depend_on_n():
    pairs = all_pairs(PairStream(manifest(40), 780, seed=5))
    assert len({tuple(pair) for pair in pairs}) == 780
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert (all_pairs(PairStream(manifest(40), 100, seed=5)) == pairs[:100]).all()
    assert not (all_pairs(PairStream(manifest(40), 100, seed=6)) == pairs[:100]).all()


@pytest.mark.parametrize("scale", [MOS, DMOS])
def test_labels_are_equation_1_and_the_sign_of_the_deviations(scale):
    rows = manifest(30, scale)
    block = PairStream(rows, 400).block(np.arange(400))
    one, two = rows.table.iloc[block.first], rows.table.iloc[block.second]
    difference = (one["score"].to_numpy() - two["score"].to_numpy()) * (1 if scale is MOS else -1)
    deviation = np.sqrt(one["score_std"].to_numpy() ** 2 + two["score_std"].to_numpy() ** 2)
    np.testing.assert_allclose(block.probability, norm.cdf(difference / deviation), rtol=1e-12)
    order = np.sign(one["score_std"].to_numpy() - two["score_std"].to_numpy())
    assert (block.std_order == order).all()
    assert {-1, 0, 1} == set(block.std_order)


def test_certain_scores_are_no_division_by_zero():
    assert thurstone_probability([0, 1, -1], 0, 0).tolist() == [0.5, 1, 0]


def test_binary_labels_need_no_deviation():
    rows = manifest(20)
    rows.table["score"] = rows.table["score"].round(-1)
    del rows.table["score_std"]
    with pytest.raises(ManifestError, match="column 'score_std' is missing; without it, take binary labels"):
        PairStream(rows, 10)
    block = PairStream(rows, 190, labels="binary").block(np.arange(190))
    scores = rows.table["score"].to_numpy()
    expected = np.sign(scores[block.first] - scores[block.second])
    assert (block.probability * 2 - 1 == expected).all()
    assert (expected == 0).any()
    assert not block.std_order.any()


def test_numbers_of_the_authors_and_their_limits():
    assert len(PairStream(manifest(1000), None)) == 25_000
    assert len(PairStream(manifest(100), None)) == 4950
    with pytest.raises(InvalidInput, match="say how many pairs"):
        PairStream(manifest(10, database="mine"), None)
    with pytest.raises(InvalidInput, match=r"has 45 pairs\. Asked for: 46"):
        PairStream(manifest(10), 46)
    with pytest.raises(ManifestError, match="a pair needs two pictures"):
        PairStream(manifest(1), 1)


def test_pairs_of_several_databases_never_meet_and_are_mixed():
    streams = [PairStream(manifest(30, database="live"), 300), PairStream(manifest(50, DMOS, "csiq", 1), 900)]
    seen = {0: [], 1: []}
    shares = []
    for mixed in mixed_blocks(streams, 3, size=100):
        for place, block in mixed.items():
            seen[place] += list(zip(block.first, block.second, strict=True))
        shares.append(len(mixed[0].first) / 100)
    for place, stream in enumerate(streams):
        assert set(seen[place]) == {tuple(pair) for pair in all_pairs(stream)}
        assert len(seen[place]) == len(stream)
    assert 0.05 < min(shares) < max(shares) < 0.5
    rows = manifest(4)
    rows.table["database"] = ["live", "live", "bid", "bid"]
    with pytest.raises(ManifestError, match="pairs lie within one database; it holds live, bid"):
        PairStream(rows, 2)


def test_unsound_deviations_are_refused():
    rows = manifest(4)
    rows.table.loc[2, "score_std"] = -1
    with pytest.raises(ManifestError, match="is negative"):
        PairStream(rows, 2)
    rows.table.loc[2, "score_std"] = np.nan
    with pytest.raises(ManifestError, match="score_std is missing in 1 rows"):
        PairStream(rows, 2)
