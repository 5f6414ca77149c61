"""The boxes of a manifest's pictures, and their scores: its JSON columns `boxes` and `box_scores`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import ManifestError

BOX_COLUMNS = ("boxes", "box_scores")


def has_boxes(manifest: Manifest) -> bool:
    """Whether a manifest has both columns, with a box in at least one row."""
    if not set(BOX_COLUMNS) <= set(manifest.table):
        return False
    return bool(manifest.table["boxes"].astype(str).str.contains("[0-9]").any())  # not so of "[]"


def box_rows(manifest: Manifest) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Each row's boxes (R, 4), left, top, right, bottom in the picture's own pixels, right and bottom exclusive, and their scores
    (R,), of the scale of `score`; R is another for each row, and 0 where both cells are empty.

    Raises ManifestError for a missing column, cells that are not lists of such numbers, a box without a pixel, or another number
    of scores than of boxes.
    """
    for column in BOX_COLUMNS:
        if column not in manifest.table:
            raise ManifestError(f"{manifest.name}: column {column!r} is missing")
    boxes, scores = [], []
    for row, (box_cell, score_cell) in enumerate(zip(*(manifest.table[name] for name in BOX_COLUMNS), strict=True)):
        where = f"{manifest.name}, row {row + 2}"  # as a spreadsheet numbers them
        own = _numbers(box_cell, (-1, 4), f"{where}: boxes is a list of [left, top, right, bottom]")
        own_scores = _numbers(score_cell, (-1,), f"{where}: box_scores is a list of numbers")
        if not (own[:, :2] < own[:, 2:]).all():
            raise ManifestError(f"{where}: a box has left below right and top below bottom. Received: {box_cell}")
        if len(own) != len(own_scores):
            raise ManifestError(f"{where}: {len(own)} boxes have {len(own_scores)} scores")
        boxes.append(own)
        scores.append(own_scores)
    return boxes, scores


def are_within(boxes: NDArray[np.float32], height: int, width: int) -> bool:
    """Whether boxes (R, 4) are all within a picture of this size."""
    return bool((boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= (width, height)).all())


def _numbers(cell: Any, shape: tuple[int, ...], form: str) -> NDArray[np.float32]:
    """The numbers of a JSON cell, with no rows for an empty one. Raises ManifestError, which tells `form`."""
    if cell is None or cell is pd.NA or cell != cell:
        return np.zeros((0, *shape[1:]), np.float32)
    try:
        values = np.array(json.loads(cell), np.float64)
        if values.size == 0:
            values = values.reshape(0, *shape[1:])
        if values.ndim != len(shape) or values.shape[1:] != shape[1:] or not np.isfinite(values).all():
            raise ValueError
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ManifestError(f"{form}. Received: {str(cell)[:80]!r}") from error
    return values.astype(np.float32)
