"""The shipped model on photographs damaged as phones damage them, and how its right comparisons are counted."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from phone_damage import KINDS
from shipped_comparisons import COMPARISONS, ORDERS, PHOTOGRAPHS, counts, judged, pictures, scores_of

MODEL = Path(__file__).resolve().parents[2] / "saved_models" / "tfiqa_small"
# The least share of right comparisons, by kind and of all: what the model reaches (docs/tfiqa_small.md) less one or two of 42,
# for other processors. It should be 1 everywhere.
LEAST = {
    "dark": 0.83,
    "overexposed": 0.96,
    "defocused": 0.97,
    "shaken": 0.97,
    "noisy": 0.97,
    "smeared": 0.83,
    "compressed": 0.95,
    "enlarged": 0.97,
    "hazy": 0.92,
}
LEAST_OF_ALL = 0.955


@pytest.fixture(scope="module")
def shipped():
    """The comparisons as the shipped model decides them."""
    from tfiqa.serving.scorer import Scorer

    return judged(scores_of(Scorer.load(MODEL)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_model_sees_each_kind_of_damage(shipped, kind):
    rows = shipped[shipped["kind"] == kind]
    assert rows["right"].mean() >= LEAST[kind], rows[~rows["right"]]["name"].to_list()


def test_the_shipped_model_gets_most_comparisons_right(shipped):
    assert shipped["right"].mean() >= LEAST_OF_ALL


def by_strength(original, mild, strong):
    """Scores of all pictures by how they are damaged alone."""
    values = {"original": original, "mild": mild, "strong": strong}
    return {name: values[name.split(", ")[-1]] for each in COMPARISONS for name in each.pictures}


def test_the_list_is_that_of_all_photographs_views_and_kinds_but_the_unfit():
    assert len(COMPARISONS) == 7 * 2 * 9 * 3 - 2 * 2 * 3 == 366
    assert len({each.name for each in COMPARISONS}) == 366
    assert set(LEAST) == set(KINDS)
    assert COMPARISONS[0].name == "astronaut, whole: original above mild, dark"
    assert COMPARISONS[0].pictures == ("astronaut, whole, original", "astronaut, whole, dark, mild")
    assert not [each for each in COMPARISONS if each.kind == "overexposed" and each.photograph in ("rocket", "flower")]


def test_right_is_strictly_above():
    assert judged(by_strength(3, 2, 1))["right"].all()
    assert not judged(by_strength(1, 1, 1))["right"].any()
    upside_down = judged(by_strength(3, 1, 2))
    assert upside_down[~upside_down["right"]]["order"].unique().tolist() == ["mild above strong"]


def test_counts_are_by_order_and_in_all():
    lines = counts(judged(by_strength(3, 1, 2)), "photograph")
    assert lines[0] == "| photograph | original above mild | mild above strong | original above strong | all |"
    assert lines[2] == "| astronaut | 18 of 18 | 0 of 18 | 18 of 18 | 36 of 54 |"
    assert lines[-1] == "| all | 122 of 122 | 0 of 122 | 122 of 122 | 244 of 366 |"
    assert len(lines) == 2 + len(PHOTOGRAPHS) + 1
    assert len(ORDERS) == 3


def test_pictures_are_those_of_the_list_and_the_same_each_time():
    names = {name for each in COMPARISONS for name in each.pictures}
    drawn = dict(islice(pictures(), 19))
    assert set(drawn) == {name for name in names if name.startswith("astronaut, whole")}
    for name, picture in islice(pictures(), 19):
        assert picture.dtype == np.uint8
        assert picture.shape == (512, 512, 3)
        assert np.array_equal(picture, drawn[name])
    assert len({picture.tobytes() for picture in drawn.values()}) == 19
