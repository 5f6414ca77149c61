"""Which outputs of a model are held against which columns."""

from dataclasses import replace

import pandas as pd
import pytest

from tfiqa.evaluation.agreement import agreement, truth_columns
from tfiqa.evaluation.tasks import tasks_of, trained_scale
from tfiqa.models.dcnns import DcnnsOptions
from tfiqa.models.deepfl import EQUALIZED_SCALE, RAW_SCALE, DeepflMtlOptions
from tfiqa.models.model_info import info_of
from tfiqa.score_scale import ScoreScale

TEXTURE = ScoreScale(1.0, 15.0, False, "SCPQD2020 texture rank")


def aspects(*names):
    """What a model of these aspects, trained on TEXTURE's data, says of itself."""
    info = info_of("dcnns", DcnnsOptions(aspects=names))
    return replace(info, scale=trained_scale(info, TEXTURE, equalized=False))


def test_a_task_for_each_aspect_with_a_scale_of_its_own():
    first, second = tasks_of(aspects("color", "texture"), TEXTURE)
    assert (first.output, first.column) == ("color", "rank_color")
    assert first.score_scale == first.prediction_scale == ScoreScale(1.0, 15.0, False, "SCPQD2020 color rank")
    assert (second.output, second.score_scale) == ("texture", TEXTURE)


def test_a_unit_that_names_no_aspect():
    (task,) = tasks_of(info_of("dcnns", DcnnsOptions(aspects=("noise",))), ScoreScale(None, None, True, "my marks"))
    assert task.score_scale == ScoreScale(None, None, True, "my marks: noise")
    assert task.prediction_scale.unit == "SCPQD2020 rank: noise"


def test_the_scale_that_a_trained_model_is_given():
    assert aspects().scale == TEXTURE
    assert aspects("texture", "color").scale.unit == aspects("noise").scale.unit == "SCPQD2020 quality rank"
    measures = info_of("deepfl_mtl", DeepflMtlOptions(measures=("ssim",)))
    assert trained_scale(measures, TEXTURE, equalized=False) == RAW_SCALE
    assert trained_scale(measures, TEXTURE, equalized=True) == EQUALIZED_SCALE


def test_quality_that_is_learned_is_the_only_task():
    (task,) = tasks_of(info_of("dcnns", DcnnsOptions()), TEXTURE)
    assert (task.output, task.column, task.score_scale) == ("quality", "score", TEXTURE)


def test_aspects_in_reports():
    info = aspects("texture", "color")
    tasks = tasks_of(info, TEXTURE)
    truth = pd.DataFrame({"score": [1.0, 2, 3], "rank_texture": [1.0, 2, 3], "rank_color": [3.0, 1, 2]})
    predicted = pd.DataFrame({"quality": [2.0, 2, 2], "texture": [1.5, 2, 9], "color": [1.0, 2, 3]})
    report = agreement(predicted, truth, tasks, TEXTURE).to_dict()
    assert {row["measure"]: row["srcc"] for row in report["measures"]} == pytest.approx(
        {"rank_texture": 1, "rank_color": -0.5}
    )
    assert report["measures"][0]["srcc_score"] is None  # one aspect's rank says nothing of another's
    assert list(truth_columns(truth, tasks)) == ["rank_texture_target", "rank_color_target"]
