"""A picture's scores as a row of a table, from whatever gave them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfiqa.errors import PictureError


def score_row(
    name: str,
    outputs: Mapping[str, np.ndarray] | PictureError,
    columns: Sequence[str],
    values: Callable[[Mapping[str, np.ndarray]], Mapping[str, Any]],
) -> dict[str, Any]:
    """`path`, `columns` (None on error), `error` (None when scored).

    Args:
        name: what the row calls the picture.
        outputs: of the model for the picture, or why there are none.
        columns: the names of the scores.
        values: the value of each column, from the outputs. A number that is not finite makes the row an error.
    """
    scores: Mapping[str, Any] = {}
    error: str | None
    if isinstance(outputs, PictureError):
        error = str(outputs)
    else:
        scores = values(outputs)
        finite = all(math.isfinite(value) for value in scores.values() if isinstance(value, float))
        error = None if finite else f"{name}: the model's score is not finite"
    return {"path": name, **(dict.fromkeys(columns) if error else scores), "error": error}
