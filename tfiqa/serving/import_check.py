"""An imported model's scores held against published ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.explain.blocks import block_boxes
from tfiqa.images.decode import decode_picture
from tfiqa.pipelines.box_scoring import BoxPredictor
from tfiqa.weights.known_checkpoints import PublishedScores, known_checkpoints

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

# On a scale of 0 to 100. Other processors and libraries move a score by some 1e-4; what is imported wrong moves it by points.
TOLERANCE = 0.01


@dataclass(frozen=True)
class Comparison:
    """One published number, or the one of a map's that differs most.

    Args:
        what: in words.
        published, ours: the numbers.
    """

    what: str
    published: float
    ours: float

    @property
    def agrees(self) -> bool:
        """Whether they are within TOLERANCE."""
        return abs(self.published - self.ours) <= TOLERANCE

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "DIFFERS"
        return f"{self.what}: published {self.published:.4f}, here {self.ours:.4f}, {verdict}"


def published_scores(model: str, picture: Path) -> PublishedScores:
    """What was published of a picture, which is known by its file name.

    Raises InvalidInput where nothing is known of the model, or of the picture, telling which pictures there are.
    """
    scores = {name: each for known in known_checkpoints(model) for name, each in known.pictures.items()}
    if not scores:
        raise InvalidInput(f"no published scores of {model} are known; leave out --verify")
    if picture.name not in scores:
        raise InvalidInput(f"published scores of {model} are known of {', '.join(scores)}. Received: {picture.name}")
    return scores[picture.name]


def compare_with_published(model: QualityModel, picture: Path, published: PublishedScores) -> list[Comparison]:
    """The picture's quality and, where they were published, the maps of blocks, each by the block that differs most.

    Raises PictureError for the picture.
    """
    image = decode_picture(picture)
    height, width = image.shape[:2]
    predictor = BoxPredictor(model)
    maps = [np.array(each) for each in published.maps]
    boxes = [block_boxes(len(each), len(each[0]), height, width).reshape(-1, 4) for each in maps]
    scores = predictor.predict(image, np.concatenate(boxes) if boxes else np.zeros((0, 4), np.float32))
    found = [Comparison("picture", published.quality, scores.quality)]
    start = 0
    for each in maps:
        own = scores.box_quality[start : start + each.size]
        start += each.size
        worst = int(np.argmax(np.abs(own - each.ravel())))
        row, column = np.unravel_index(worst, each.shape)
        what = f"map of {each.shape[0]}x{each.shape[1]} blocks, at most different in row {row + 1}, column {column + 1}"
        found.append(Comparison(what, float(each.ravel()[worst]), float(own[worst])))
    return found


def check_published(comparisons: list[Comparison], checkpoint: Path) -> None:
    """Raises CheckpointError unless all agree."""
    wrong = [each for each in comparisons if not each.agrees]
    if wrong:
        raise CheckpointError(
            f"{checkpoint} does not score as published: {len(wrong)} of {len(comparisons)} differ by more than {TOLERANCE} "
            f"(first: {wrong[0]}); nothing is written"
        )
