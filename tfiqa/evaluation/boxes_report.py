"""The agreement of predicted and opinion scores of boxes in pictures, by how large the boxes are.

Reference: Z. Ying et al., "From Patches to Pictures (PaQ-2-PiQ)", CVPR 2020, table 3, whose patches have 40, 30 and 20 % of their
pictures' sides.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import paired, pearson, spearman
from tfiqa.score_scale import ScoreScale

STEP = 10  # per cent, the classes of size


@dataclass(frozen=True)
class SizeAgreement:
    """The boxes of one size.

    Args:
        size: per cent of the picture's sides, see `size_classes`.
        boxes: how many.
        srcc, plcc: with both sides turned so that higher is better; NaN where undefined.
    """

    size: int
    boxes: int
    srcc: float
    plcc: float


@dataclass(frozen=True)
class BoxesReport:
    """The figures of `evaluate_boxes`, from the largest boxes to the smallest."""

    sizes: tuple[SizeAgreement, ...]

    def to_text(self) -> str:
        """A table for people."""
        lines = [f"{'size of boxes':22}{'boxes':>8}{'SRCC':>10}{'PLCC':>10}"]
        for each in self.sizes:
            figures = "".join(f"{'undefined' if math.isnan(v) else f'{v:.4f}':>10}" for v in (each.srcc, each.plcc))
            lines.append(f"{f'{each.size} %':22}{each.boxes:8,}{figures}")
        lines += ["", f"Size: root of the box's share of the picture, to the nearest {STEP} %."]
        return "\n".join(lines)

    def to_dict(self) -> list[dict[str, Any]]:
        """JSON-ready; what is undefined is None."""
        return [{k: None if math.isnan(v) else v for k, v in asdict(each).items()} for each in self.sizes]


def size_classes(boxes: ArrayLike, height: int, width: int) -> NDArray[np.int64]:
    """The size of boxes (R, 4), left, top, right, bottom, in a picture of this size: (R,) per cent of its sides, which is the
    root of the share of its area, to the nearest 10."""
    left, top, right, bottom = np.asarray(boxes, np.float64).reshape(-1, 4).T
    share = np.sqrt((right - left) * (bottom - top) / (height * width))
    return (STEP * np.floor(100 / STEP * share + 0.5)).astype(np.int64)


def evaluate_boxes(
    predictions: ArrayLike,
    scores: ArrayLike,
    sizes: ArrayLike,
    *,
    prediction_scale: ScoreScale,
    score_scale: ScoreScale,
) -> BoxesReport:
    """Compares the predicted scores of boxes (N,) with people's (N,), for each of the `sizes` (N,) by itself.

    Raises InvalidInput without boxes, for different lengths, and for values that are not finite.
    """
    x, y = paired(predictions, scores)
    classes = np.asarray(sizes)
    if classes.shape != x.shape or not len(x):
        raise InvalidInput(
            f"each box needs a prediction, a score and a size. Received: {len(x)} and {len(classes)} sizes"
        )
    x, y = prediction_scale.oriented(x), score_scale.oriented(y)
    found = []
    for size in sorted(set(classes.tolist()), reverse=True):
        own = classes == size
        found.append(SizeAgreement(size, int(own.sum()), spearman(x[own], y[own]), pearson(x[own], y[own])))
    return BoxesReport(tuple(found))
