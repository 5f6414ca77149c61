"""Predicted measures held against the measures themselves."""

import numpy as np
import pandas as pd
import pytest

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.measure_report import measure_report
from tfiqa.evaluation.tasks import tasks_of
from tfiqa.models.deepfl import EQUALIZED_SCALE, RAW_SCALE, DeepflMtlOptions
from tfiqa.models.model_info import ModelInfo, info_of
from tfiqa.score_scale import ScoreScale

DMOS = ScoreScale(0.0, 100.0, False, "DMOS")


def info(scale, *measures):
    whole = info_of("deepfl_mtl", DeepflMtlOptions(measures=measures))
    return ModelInfo(whole.model, whole.options, whole.protocol, scale, whole.columns)


def test_equalised_predictions_are_better_when_higher_whatever_the_measure():
    tasks = tasks_of(info(EQUALIZED_SCALE, "ssim", "gmsd"), DMOS)
    assert [(task.output, task.score_scale.higher_is_better) for task in tasks] == [("ssim", True), ("gmsd", False)]
    truth = pd.DataFrame({"ssim": [0.2, 0.5, 0.9], "gmsd": [0.3, 0.2, 0.1], "score": [90.0, 40.0, 10.0]})
    predicted = pd.DataFrame({"ssim": [0.1, 0.4, 0.8], "gmsd": [0.1, 0.4, 0.8]})
    report = measure_report(predicted, truth, tasks, DMOS)
    for row in report.measures:
        assert (row.srcc, row.srcc_score, row.measure_srcc_score) == pytest.approx((1, 1, 1))
    assert report.srcc == pytest.approx(1)


def test_raw_predictions_go_the_way_of_their_measure():
    tasks = tasks_of(info(RAW_SCALE, "gmsd"), DMOS)
    truth = pd.DataFrame({"gmsd": [0.3, 0.2, 0.1, 0.0]})
    report = measure_report(pd.DataFrame({"gmsd": [0.3, 0.1, 0.2, 0.0]}), truth, tasks, DMOS)
    (row,) = report.measures
    assert row.srcc == pytest.approx(0.8)
    assert row.srcc_score is None
    assert "with scores" not in report.to_text()
    assert report.to_dict()["measures"][0]["measure"] == "gmsd"


def test_undefined_is_none_in_json():
    tasks = tasks_of(info(RAW_SCALE, "ssim"), DMOS)
    report = measure_report(pd.DataFrame({"ssim": [0.5, 0.5]}), pd.DataFrame({"ssim": [0.1, 0.2]}), tasks, DMOS)
    assert np.isnan(report.srcc)
    assert report.to_dict()["srcc"] is None
    with pytest.raises(InvalidInput, match="no picture"):
        measure_report(pd.DataFrame({"ssim": []}), pd.DataFrame({"ssim": []}), tasks, DMOS)


def test_quality_models_are_judged_by_their_quality():
    from tfiqa.models.deepfl import DeepflOptions

    (task,) = tasks_of(info_of("deepfl", DeepflOptions()), DMOS)
    assert (task.output, task.column, task.score_scale) == ("quality", "score", DMOS)
