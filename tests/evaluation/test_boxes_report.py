"""Figures of boxes by their size."""

import json

import numpy as np
import pytest

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.boxes_report import evaluate_boxes, size_classes
from tfiqa.evaluation.correlation import plcc, srcc
from tfiqa.score_scale import ScoreScale

MOS = ScoreScale(0.0, 100.0, True, "MOS")
DMOS = ScoreScale(None, None, False, "DMOS")


def test_sizes_are_shares_of_the_pictures_sides():
    boxes = [[0, 0, 256, 192], [10, 10, 202, 154], [5, 0, 133, 96], [0, 0, 640, 480], [0, 0, 1, 1], [0, 0, 160, 120]]
    np.testing.assert_array_equal(size_classes(boxes, 480, 640), [40, 30, 20, 100, 0, 30])  # .25 rounds up
    np.testing.assert_array_equal(size_classes([[0, 0, 640, 30]], 480, 640), [30])  # a sixteenth of the area
    assert size_classes(np.zeros((0, 4)), 10, 10).shape == (0,)


def test_each_size_by_itself():
    rng = np.random.default_rng(0)
    sizes = np.repeat([20, 40, 30], [9, 8, 7])
    truth = rng.normal(size=24)
    predicted = truth + rng.normal(size=24)
    report = evaluate_boxes(predicted, truth, sizes, prediction_scale=MOS, score_scale=MOS)
    assert [(each.size, each.boxes) for each in report.sizes] == [(40, 8), (30, 7), (20, 9)]
    for each in report.sizes:
        own = sizes == each.size
        assert each.srcc == pytest.approx(srcc(predicted[own], truth[own]))
        assert each.plcc == pytest.approx(plcc(predicted[own], truth[own]))


def test_scales_of_different_directions_agree():
    report = evaluate_boxes([1, 2, 3], [3, 2, 1], [20] * 3, prediction_scale=MOS, score_scale=DMOS)
    assert report.sizes[0].srcc == pytest.approx(1)


def test_a_size_without_differences_is_undefined():
    report = evaluate_boxes([1, 2, 3], [3, 2, 2], [20, 30, 30], prediction_scale=MOS, score_scale=MOS)
    assert json.loads(json.dumps(report.to_dict()))[1] == {"size": 20, "boxes": 1, "srcc": None, "plcc": None}
    assert "undefined" in report.to_text().splitlines()[2]


def test_what_cannot_be_compared():
    with pytest.raises(InvalidInput, match="a size"):
        evaluate_boxes([1, 2], [1, 2], [20], prediction_scale=MOS, score_scale=MOS)
    with pytest.raises(InvalidInput, match="Received: 0"):
        evaluate_boxes([], [], [], prediction_scale=MOS, score_scale=MOS)
