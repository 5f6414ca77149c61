"""Rank agreement within groups."""

import json

import numpy as np
import pandas as pd
import pytest

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.tasks import Task
from tfiqa.evaluation.within_groups import tasks_within, within_groups
from tfiqa.score_scale import ScoreScale

RANK = ScoreScale(1.0, 15.0, False, "SCPQD2020 texture rank")
MOS = ScoreScale(0.0, 100.0, True, "MOS")


def of_ranks(predictions, ranks, groups, scale=RANK):
    return within_groups(predictions, ranks, groups, prediction_scale=scale, score_scale=RANK)


def test_a_mean_over_groups_whatever_their_level_and_size():
    """Within the groups the order is right, within one wrong; over all together it would be neither."""
    groups = ["b"] * 4 + ["a"] * 2 + ["c"] * 3
    ranks = [1, 2, 3, 4, 1, 2, 3, 2, 1]
    predictions = [101, 102, 103, 104, -1, 0, 31, 32, 33]
    found = of_ranks(predictions, ranks, groups)
    assert [(each.group, each.pictures, each.srcc) for each in found.groups] == [
        ("a", 2, pytest.approx(1)),
        ("b", 4, pytest.approx(1)),
        ("c", 3, pytest.approx(-1)),
    ]
    assert found.srcc == pytest.approx(1 / 3)  # each group counts the same
    assert found.left_out == 0
    assert found.to_text() == "0.3333, mean of 3 groups from -1.0000 to 1.0000"
    assert found.table()["pictures"].tolist() == [2, 4, 3]


def test_good_is_positive_whatever_the_directions():
    groups, ranks = ["x"] * 3, [1, 2, 3]
    assert of_ranks([3.0, 2, 1], ranks, groups, scale=MOS).srcc == pytest.approx(1)
    assert of_ranks([3.0, 2, 1], ranks, groups).srcc == pytest.approx(-1)


def test_groups_that_tell_nothing_do_not_count_and_constant_predictions_count_zero():
    groups = ["alone", "tie", "tie", "flat", "flat", "good", "good"]
    found = of_ranks([1, 1, 2, 5, 5, 1, 2], [1, 2.5, 2.5, 1, 2, 1, 2], groups)
    assert dict(zip(found.table()["group"], found.table()["srcc"], strict=True)) == {
        "alone": pytest.approx(np.nan, nan_ok=True),
        "flat": 0,
        "good": pytest.approx(1),
        "tie": pytest.approx(np.nan, nan_ok=True),
    }
    assert (found.srcc, found.left_out) == (pytest.approx(0.5), 2)
    assert found.to_text().endswith("; 2 of one picture or equal scores do not count")
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert written["left_out"] == 2
    assert written["groups"][0] == {"group": "alone", "pictures": 1, "srcc": None}


def test_no_group_counts():
    found = of_ranks([1.0, 2], [1, 1], ["a", "b"])
    assert np.isnan(found.srcc)
    assert found.to_dict()["srcc"] is None
    assert found.to_text() == "undefined; 2 of one picture or equal scores do not count"


def test_what_is_refused():
    with pytest.raises(InvalidInput, match=r"each of the 2 pictures needs the name of its group. Received: 1 names"):
        of_ranks([1.0, 2], [1, 2], ["a", None])
    with pytest.raises(InvalidInput, match="finite"):
        of_ranks([1.0, np.nan], [1, 2], ["a", "a"])
    with pytest.raises(InvalidInput, match="one length"):
        of_ranks([1.0, 2, 3], [1, 2], ["a", "a"])


def test_several_tasks_and_databases():
    tasks = [Task("texture", "rank_texture", RANK, RANK), Task("color", "rank_color", RANK, RANK)]
    truth = pd.DataFrame({"rank_texture": [1, 2, 1, 2], "rank_color": [2, 1, 1, 2], "scene": [7, 7, 7, 7]})
    predicted = pd.DataFrame({"texture": [1, 2, 8, 9], "color": [1, 2, 3, 4]})
    joined = tasks_within(predicted, truth.assign(database=["one", "one", "two", "two"]), tasks, "scene")
    assert [each.group for each in joined.outputs["color"].groups] == ["one 7", "two 7"]
    assert (joined.outputs["texture"].srcc, joined.outputs["color"].srcc) == (pytest.approx(1), pytest.approx(0))
    assert joined.srcc == pytest.approx(0.5)
    assert joined.to_text().splitlines()[0].startswith("SRCC of texture within scene: 1.0000, mean of 2 groups")
    unnamed = tasks_within(predicted, truth.assign(database=["one", "one", None, None]), tasks, "scene")
    assert [each.group for each in unnamed.outputs["color"].groups] == ["7", "one 7"]
    one = tasks_within(predicted, truth, tasks[:1], "scene")
    assert one.outputs["texture"].srcc == pytest.approx(1 / 5**0.5)  # by hand: ranks 1, 2, 3, 4 with 1.5, 3.5, 1.5, 3.5
    assert one.to_text().startswith("SRCC within scene: 0.4472, mean of 1 group from")
    assert one.to_dict()["column"] == "scene"
