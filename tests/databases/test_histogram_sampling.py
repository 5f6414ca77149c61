import itertools

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
from tfiqa.databases.sampling import Histogram, choose_pictures, flat_histogram, histogram_like
from tfiqa.errors import InvalidInput


def manifest(values, images=None):
    names = [f"f{place}" for place in range(values.shape[1])]
    images = images or [f"{place}.jpg" for place in range(len(values))]
    return Manifest(pd.DataFrame(values, columns=names).assign(image=images), None, UNKNOWN_SCALE)


def like(collection, values):
    features = [name for name in collection.table if name != "image"]
    return {name: histogram_like(values[:, place]) for place, name in enumerate(features)}


def misplaced(collection, targets, rows, count):
    """Pictures beyond those wanted in a bin, for targets whose shares of `count` are whole numbers."""
    total = 0
    for feature, target in targets.items():
        counts = target.counts(collection.table[feature].iloc[list(rows)])
        total += np.maximum(counts - np.append(target.shares * count, 0).round(), 0).sum()
    return total


def test_bins_of_equal_shares_cover_the_values_from_lowest_to_highest():
    histogram = histogram_like(np.arange(100), 4)
    assert histogram.edges.tolist() == [0, 24.75, 49.5, 74.25, 99]
    assert histogram.shares.tolist() == [0.25] * 4
    assert histogram.places([-1, 0, 24.75, 99, 99.1]).tolist() == [4, 0, 1, 3, 4]


def test_equal_values_share_a_bin():
    histogram = histogram_like([5, 5, 5, 5, 5, 5, 1, 9], 4)
    assert histogram.edges.tolist() == [1, 5, 9]
    assert histogram.shares.tolist() == [1 / 8, 7 / 8]
    constant = histogram_like([3, 3, 3])
    assert constant.counts([2.9, 3, 3, 3.1]).tolist() == [2, 2]


def test_flat_bins_are_equally_wide_and_open_at_both_ends():
    values = np.concatenate([np.linspace(0, 10, 1001), [1e6]])
    histogram = flat_histogram(values, 5)
    assert np.diff(histogram.edges[1:-1]) == pytest.approx([9.8 / 5] * 3, rel=2e-3)
    assert histogram.shares.tolist() == [0.2] * 5
    assert histogram.places([-1e9, 5, 1e9]).tolist() == [0, 2, 4]
    assert flat_histogram([7, 7, 7]).shares.tolist() == [1]


def test_distance_is_the_share_in_wrong_bins():
    histogram = Histogram(np.array([0.0, 1, 2]), np.array([0.5, 0.5]))
    assert histogram.distance([0.5, 1.5]) == 0
    assert histogram.distance([0.5, 0.5, 0.5, 1.5]) == 0.25
    assert histogram.distance([0.5, 0.5]) == 0.5
    assert histogram.distance([5, 0.5]) == 0.5
    assert histogram.distance([5, -5]) == 1


@pytest.mark.parametrize("seed", range(40))
def test_no_choice_of_all_is_better(seed):
    rng = np.random.default_rng(seed)
    pictures, features = int(rng.integers(4, 12)), int(rng.integers(1, 5))
    count = int(rng.integers(1, pictures))
    whole = seed % 2 == 0
    values = rng.integers(0, 4, (pictures, features)) if whole else rng.normal(size=(pictures, features))
    collection = manifest(values.astype(float))
    # equal shares of `count` bins: one picture is wanted in each
    edges = np.linspace(-2, 4, count + 1)
    targets = {f"f{place}": Histogram(edges, np.full(count, 1 / count)) for place in range(features)}
    sample = choose_pictures(collection, targets, count)
    best = min(misplaced(collection, targets, rows, count) for rows in itertools.combinations(range(pictures), count))
    assert sample.misplaced == misplaced(collection, targets, sample.rows, count) == best
    assert sample.lowest_misplaced <= best


def test_a_subset_that_matches_is_found_again():
    """Hidden among others with another distribution lie 300 pictures that match their own histograms."""
    rng = np.random.default_rng(3)
    hidden = rng.normal([0, 5, -3], 1, (300, 3))
    collection = manifest(np.concatenate([rng.normal([1, 4, -3], 2, (1700, 3)), hidden]))
    sample = choose_pictures(collection, like(collection, hidden), 300)
    assert sample.misplaced == sample.lowest_misplaced == 0
    assert (sample.distances["sample"] == 0).all()
    assert (sample.distances["random"] > 0.2).all()
    assert len(set(sample.rows)) == 300
    assert (np.diff(sample.rows) > 0).all()


def test_flat_histograms_where_the_collection_allows():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(3000, 5)) @ rng.normal(size=(5, 5))
    collection = manifest(values)
    targets = {f"f{place}": flat_histogram(values[:, place]) for place in range(5)}
    sample = choose_pictures(collection, targets, 200)
    assert sample.misplaced == 0
    assert all(
        target.counts(values[sample.rows, place])[:-1].tolist() == [20] * 10
        for place, target in enumerate(targets.values())
    )


def test_what_no_sample_can_reach_is_said():
    collection = manifest(np.arange(40.0)[:, np.newaxis])
    targets = {"f0": Histogram(np.array([30.0, 40.0]), np.ones(1))}  # ten pictures lie there
    sample = choose_pictures(collection, targets, 25)
    assert set(range(30, 40)) <= set(sample.rows)
    assert sample.misplaced == sample.lowest_misplaced == 15
    assert sample.distances.loc["f0", "sample"] == pytest.approx(15 / 25)


def test_shares_of_a_picture_are_rounded_by_the_largest_remainders():
    collection = manifest(np.repeat([0.5, 1.5, 2.5], 10)[:, np.newaxis])
    targets = {"f0": Histogram(np.array([0.0, 1, 2, 3]), np.array([0.5, 0.35, 0.15]))}
    sample = choose_pictures(collection, targets, 7)  # 3.5, 2.45, 1.05
    assert targets["f0"].counts(collection.table["f0"].iloc[sample.rows]).tolist() == [4, 2, 1, 0]
    assert sample.misplaced == 0


def test_seeds_give_other_samples_and_the_same_seed_the_same():
    rng = np.random.default_rng(5)
    collection = manifest(rng.normal(size=(400, 2)))
    targets = like(collection, rng.normal(size=(100, 2)))
    one, again, other = (choose_pictures(collection, targets, 50, seed) for seed in (1, 1, 2))
    assert one.rows.tolist() == again.rows.tolist()
    assert len(set(one.rows) & set(other.rows)) < 25


def test_chance_chooses_where_the_histogram_leaves_a_choice():
    """Of 20 equal pictures in each of two bins five are wanted: each is chosen in about a quarter of the samples."""
    collection = manifest(np.repeat([0.5, 1.5], 20)[:, np.newaxis])
    targets = {"f0": Histogram(np.array([0.0, 1, 2]), np.array([0.5, 0.5]))}
    chosen = np.zeros(40)
    for seed in range(100):
        chosen[choose_pictures(collection, targets, 10, seed).rows] += 1
    assert chosen.sum() == 1000
    assert chosen.min() > 8  # 25 expected, standard deviation 4.3
    assert chosen.max() < 42


def test_neither_the_order_of_rows_nor_the_folder_matters():
    rng = np.random.default_rng(6)
    values, images = rng.normal(size=(200, 3)), [f"/data/{place}.jpg" for place in range(200)]
    order = rng.permutation(200)
    first = manifest(values, images)
    second = manifest(values[order], [f"elsewhere/{place}.jpg" for place in order])
    targets = like(first, rng.normal(0.3, 1, (90, 3)))
    chosen = [
        sorted(image.rsplit("/", 1)[1] for image in each.table["image"].iloc[choose_pictures(each, targets, 30).rows])
        for each in (first, second)
    ]
    assert chosen[0] == chosen[1]


def test_rows_without_a_feature_are_never_chosen():
    values = np.arange(20.0)[:, np.newaxis]
    values[::2] = np.nan
    collection = manifest(values)
    targets = {"f0": flat_histogram(np.arange(20.0), 2)}
    assert (choose_pictures(collection, targets, 10).rows % 2 == 1).all()
    with pytest.raises(InvalidInput, match="cannot choose 11 of 10 pictures that have all features"):
        choose_pictures(collection, targets, 11)
    with pytest.raises(InvalidInput, match="unknown feature 'f1'; did you mean 'f0'"):
        choose_pictures(collection, {"f1": targets["f0"]}, 5)


def test_the_whole_collection_can_be_chosen():
    collection = manifest(np.arange(8.0)[:, np.newaxis])
    assert choose_pictures(collection, {"f0": flat_histogram(np.arange(8.0), 4)}, 8).rows.tolist() == list(range(8))
