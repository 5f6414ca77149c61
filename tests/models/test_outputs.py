"""The labels of a score row."""

from dataclasses import replace

import numpy as np
import pytest

from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import ModelInfo
from tfiqa.models.outputs import label_names, labels
from tfiqa.score_scale import ScoreScale

PLAIN = ModelInfo(
    "made_up", {}, PictureProtocol(), ScoreScale(0.0, 100.0, True, "MOS"), {"uncertainty": ("u",), "quality": ("q",)}
)
WORDED = replace(PLAIN, scale=ScoreScale(0.0, 100.0, True, "MOS", words=True))
SCENES = {"quality": ("quality",), "scene_votes": ("votes_day", "votes_night")}
OUTPUTS = {
    "quality": np.float32([65]),
    "uncertainty": np.float32([5]),
    "scene_votes": np.float32([1, 3]),
    "scene_probabilities": np.float32([0.4, 0.6]),
}


@pytest.mark.parametrize(
    ("info", "want"),
    [
        (PLAIN, {}),
        (WORDED, {"rating": "good"}),
        (replace(PLAIN, columns=SCENES), {"scene": "night"}),
        (replace(WORDED, columns=SCENES), {"scene": "night", "rating": "good"}),
        (replace(PLAIN, scale=None), {}),
    ],
)
def test_the_scene_and_the_word_for_the_quality(info, want):
    assert labels(OUTPUTS, info) == want
    assert label_names(info) == tuple(want)
    assert label_names(ModelInfo.from_dict(info.to_dict())) == tuple(want)


def test_information_saved_before_there_were_words_still_loads():
    old = PLAIN.to_dict()
    assert "words" not in old["scale"]
    assert ModelInfo.from_dict(old) == PLAIN
