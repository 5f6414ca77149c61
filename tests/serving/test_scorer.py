"""`Scorer` over predictors that give what a test has them give."""

from pathlib import Path

import numpy as np
import pytest

from tfiqa.errors import PictureError
from tfiqa.images.protocol import PictureProtocol
from tfiqa.models.model_info import ModelInfo
from tfiqa.score_scale import ScoreScale
from tfiqa.serving.scorer import Scorer

COLUMNS = {"quality": ("quality",), "colour": ("red", "green")}


class Given:
    """Gives the same outputs for each picture."""

    def __init__(self, quality, colour):
        self.outputs = {"quality": np.float32([quality]), "colour": np.float32(colour)}

    def predict(self, source):
        return self.outputs

    def predict_all(self, sources, exif=None):
        return (self.outputs for _ in sources)


def scorer(quality, colour):
    info = ModelInfo("made_up", {}, PictureProtocol(), ScoreScale(0, 255, True, "grey"), COLUMNS)
    return Scorer(Given(quality, colour), info, Path("m.keras"))


def test_scores_by_name():
    assert scorer(3, [1, 2]).score("a.png") == {"quality": 3, "colour": {"red": 1, "green": 2}}


@pytest.mark.parametrize(("quality", "colour"), [(np.nan, [1, 2]), (3, [1, np.inf]), (-np.inf, [1, 2])])
def test_a_number_that_is_not_finite_is_no_score(quality, colour):
    broken = scorer(quality, colour)
    with pytest.raises(PictureError, match=r"^a\.png: the model's score is not finite$"):
        broken.score("a.png")
    (row,) = broken.rows(["a.png"])
    assert row == {
        "path": "a.png",
        "quality": None,
        "red": None,
        "green": None,
        "error": "a.png: the model's score is not finite",
    }
