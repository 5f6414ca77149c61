"""A scorer without a model: a function of the decoded picture."""

from types import SimpleNamespace

from tfiqa.errors import PictureError
from tfiqa.pipelines.records.packed_picture import decode_source, name_of
from tfiqa.score_scale import ScoreScale


class FakeScorer:
    """Scores by a function of uint8 (H, W, 3)."""

    def __init__(self, function, *, higher_is_better=True):
        self.info = SimpleNamespace(scale=ScoreScale(None, None, higher_is_better, "made up"))
        self._function = function

    def rows(self, pictures):
        for picture in pictures:
            try:
                yield {
                    "path": name_of(picture),
                    "quality": float(self._function(decode_source(picture))),
                    "error": None,
                }
            except PictureError as error:
                yield {"path": name_of(picture), "quality": None, "error": str(error)}
