import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.splits import repeated_splits, split_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.score_scale import ScoreScale

FRACTIONS = {"train": 0.7, "validation": 0.1, "test": 0.2}


def manifest(rows, **columns):
    images = [f"{place}.jpg" for place in range(rows)]
    return Manifest(pd.DataFrame({"image": images, "score": 0.0, **columns}), None, ScoreScale(0, 1, True, "MOS"))


def counts(split):
    return split.table["split"].value_counts().to_dict()


def test_single_pictures_meet_the_fractions_exactly():
    assert counts(split_manifest(manifest(1000), FRACTIONS, 0)) == {"train": 700, "validation": 100, "test": 200}


def test_groups_stay_together_and_fractions_are_met_as_near_as_groups_allow():
    sizes = np.random.default_rng(0).integers(1, 12, 300)
    split = split_manifest(manifest(sizes.sum(), group=np.repeat([f"g{i}" for i in range(300)], sizes)), FRACTIONS, 0)
    assert (split.table.groupby("group")["split"].nunique() == 1).all()
    for name, share in FRACTIONS.items():
        assert counts(split)[name] == pytest.approx(share * sizes.sum(), abs=1)


def test_references_are_groups_where_there_is_no_group():
    split = split_manifest(
        manifest(250, reference=np.repeat([f"r{i}" for i in range(25)], 10)), {"train": 0.8, "test": 0.2}, 3
    )
    assert (split.table.groupby("reference")["split"].nunique() == 1).all()
    assert counts(split) == {"train": 200, "test": 50}


def test_the_order_of_rows_does_not_matter():
    whole = manifest(60, group=np.repeat([str(i) for i in range(20)], 3))
    shuffled = Manifest(whole.table.sample(frac=1, random_state=1).reset_index(drop=True), None, whole.scale)
    one, two = (split_manifest(each, FRACTIONS, 5).table.set_index("image")["split"] for each in (whole, shuffled))
    pd.testing.assert_series_equal(one.sort_index(), two.sort_index())


def test_the_outcome_is_the_same_on_every_machine():
    split = split_manifest(manifest(10), {"train": 0.6, "test": 0.4}, 7).table["split"]
    assert [place for place, name in enumerate(split) if name == "test"] == [0, 4, 6, 9]


def test_seeds_give_different_splits_and_every_picture_its_share():
    in_test = np.zeros(40)
    for split in repeated_splits(manifest(40), {"train": 0.75, "test": 0.25}, 0, 400):
        in_test += (split.table["split"] == "test").to_numpy()
    assert in_test.sum() == 400 * 10
    assert in_test.min() > 60  # 100 expected, standard deviation 8.7
    assert in_test.max() < 140


def test_large_groups_land_in_every_split_by_its_share():
    groups = np.repeat(["large", *[f"s{i}" for i in range(80)]], [20] + [1] * 80)
    wheres = [
        split.table["split"].iloc[0]
        for split in repeated_splits(manifest(100, group=groups), {"train": 0.7, "test": 0.3}, 0, 300)
    ]
    assert 60 < wheres.count("test") < 120  # 90 expected, standard deviation 8


def test_repeats_are_the_following_seeds():
    first, second = repeated_splits(manifest(30), FRACTIONS, 10, 2)
    pd.testing.assert_frame_equal(second.table, split_manifest(manifest(30), FRACTIONS, 11).table)
    assert not first.table.equals(second.table)


def test_the_given_manifest_is_left_alone():
    given = manifest(10, split=["train"] * 10)
    split_manifest(given, {"test": 1.0}, 0)
    assert set(given.table["split"]) == {"train"}


def test_an_empty_split_is_refused():
    with pytest.raises(ManifestError, match="split 'validation' would get no picture; 20 pictures in 2 groups"):
        split_manifest(manifest(20, group=["a", "b"] * 10), {"train": 0.5, "validation": 0.1, "test": 0.4}, 0)


@pytest.mark.parametrize(
    ("fractions", "text"),
    [
        ({"train": 0.7, "test": 0.2}, "must sum to 1. Received: train 0.7, test 0.2"),
        ({"train": 1.2, "test": -0.2}, "in 0..1. Received: train 1.2"),
        ({"train": 0.8, "val": 0.2}, "unknown split 'val'; known: train, validation, test"),
        ({}, "Received: none"),
    ],
)
def test_bad_fractions_are_refused(fractions, text):
    with pytest.raises(InvalidInput, match=text):
        split_manifest(manifest(10), fractions, 0)


def test_where_the_pictures_lie_does_not_matter():
    def splits(folder):
        pictures = manifest(40, image=[f"{folder}{i}.jpg" for i in range(40)])
        return split_manifest(pictures, FRACTIONS, 1).table["split"].tolist()

    assert splits("/data/photos/") == splits("/mnt/elsewhere/photos/") == splits("photos/") == splits("")


def test_shares_within_each_value_of_a_column():
    database = ["small"] * 20 + ["large"] * 980
    split = split_manifest(manifest(1000, database=database), FRACTIONS, 5, within="database").table
    small = split["split"][split["database"] == "small"].value_counts()
    assert small.to_dict() == {"train": 14, "validation": 2, "test": 4}
    assert split["split"].value_counts().to_dict() == {"train": 700, "validation": 100, "test": 200}


def test_a_group_of_several_values_is_not_torn():
    database = ["a", "b"] * 50
    groups = np.repeat([f"g{i}" for i in range(25)], 4)
    split = split_manifest(manifest(100, database=database, group=groups), FRACTIONS, 0, within="database").table
    assert (split.groupby("group")["split"].nunique() == 1).all()
    with pytest.raises(
        ManifestError, match="database b: split 'validation' would get no picture; 2 pictures in 2 groups"
    ):
        split_manifest(manifest(32, database=["a"] * 30 + ["b"] * 2), FRACTIONS, 0, within="database")
