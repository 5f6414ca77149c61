"""Qualities with their deviations, from a model that tells both or from a file of such scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.groups import absolute_paths
from tfiqa.databases.validation import rows_problem
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.evaluation.gmad.score_file import read_score_file

if TYPE_CHECKING:
    from tfiqa.serving.scorer import Scorer

LARGEST = 1e100  # magnitude of qualities and deviations; sums of their squares stay finite


def require_uncertainty(scorer: Scorer) -> None:
    """Raises InvalidInput for a model that does not tell how uncertain its quality is."""
    if not {"quality", "uncertainty"} <= set(scorer.info.columns):
        raise InvalidInput(
            f"{scorer.source} ({scorer.info.model}) does not tell the uncertainty of its quality; take a model of "
            "`tfiqa fit unique` or `tfiqa import-weights unique`"
        )


def read_uncertain_scores(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """The rows of a score file (see `read_score_file`) with the columns `quality` and `uncertainty`, a standard deviation, and
    whether a higher quality is better.

    Each row has `path`, `quality`, `uncertainty` and `error`, as `Scorer.rows` gives them; one that lacks a number is an error.

    Raises ManifestError as `read_score_file` does, for a picture listed twice, numbers beyond `LARGEST` and negative deviations.
    """
    quality, uncertainty = (read_score_file(path, column) for column in ("quality", "uncertainty"))
    problems = rows_problem("the same picture as in an earlier row", _is_again(quality.images), quality.images)
    for column in (quality, uncertainty):
        too_large = np.abs(column.scores) > LARGEST
        problems += rows_problem(f"{column.column} is beyond {LARGEST:g}", too_large, pd.Series(column.scores))
    problems += rows_problem("uncertainty is negative", uncertainty.scores < 0, pd.Series(uncertainty.scores))
    if problems:
        raise ManifestError(f"{path}: {'; '.join(problems)}")
    rows = []
    numbers = zip(quality.scores.tolist(), uncertainty.scores.tolist(), strict=True)
    for name, (mean, std) in zip(quality.images, numbers, strict=True):
        known = not (np.isnan(mean) or np.isnan(std))
        rows.append(
            {
                "path": name,
                "quality": mean if known else None,
                "uncertainty": std if known else None,
                "error": None if known else f"{name}: {path} has no quality with uncertainty of it",
            }
        )
    return rows, quality.higher_is_better


def _is_again(images: pd.Series) -> NDArray[np.bool_]:
    return pd.Series(absolute_paths(images, None), dtype=object).duplicated().to_numpy(bool)
