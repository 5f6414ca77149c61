"""A picture's scores as a row of a table, from whatever gave them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfiqa.errors import PictureError
from tfiqa.serving.errors import NotScored


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
        error = None if are_finite(scores.values()) else str(not_finite(name))
    return {"path": name, **(dict.fromkeys(columns) if error else scores), "error": error}


def are_finite(values: Iterable[Any]) -> bool:
    """Whether all numbers among the values of a row are finite."""
    return all(math.isfinite(value) for value in values if isinstance(value, float))


def not_finite(name: str) -> NotScored:
    """The error of a picture for which a model gives NaN or an infinite number."""
    return NotScored(name, "the model's score is not finite")
