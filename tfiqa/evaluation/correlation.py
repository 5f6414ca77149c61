"""Agreement of predictions with human scores, each on the whole set at once, in float64.

Rank statistics of parts do not average to that of the whole, so nothing here works on batches. A coefficient is NaN
where it is not defined: one side is constant, or there are fewer than two values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tfiqa.errors import InvalidInput

Values = NDArray[np.float64]


def srcc(predictions: ArrayLike, scores: ArrayLike) -> float:
    """Spearman's rank-order correlation coefficient, -1..1: Pearson's of the ranks, ties at their average rank.

    Args:
        predictions: shape (N,) or (N, 1).
        scores: the same shape.

    Raises:
        InvalidInput: other shapes, different lengths, or values that are not finite.
    """
    return spearman(*paired(predictions, scores))


def krcc(predictions: ArrayLike, scores: ArrayLike) -> float:
    """Kendall's rank correlation coefficient tau-b, -1..1, which allows for ties. Arguments and errors as in `srcc`."""
    return kendall(*paired(predictions, scores))


def plcc(predictions: ArrayLike, scores: ArrayLike) -> float:
    """Pearson's linear correlation coefficient, -1..1. Arguments and errors as in `srcc`."""
    return pearson(*paired(predictions, scores))


def rmse(predictions: ArrayLike, scores: ArrayLike) -> float:
    """Root mean square error in units of the scores, 0 is best; NaN without values. Otherwise as `srcc`."""
    x, y = paired(predictions, scores)
    return float(np.sqrt(np.mean((x - y) ** 2))) if len(x) else float("nan")


def paired(predictions: ArrayLike, scores: ArrayLike) -> tuple[Values, Values]:
    """Both sides as float64 (N,). Raises InvalidInput as `srcc` does."""
    x, y = _vector("predictions", predictions), _vector("scores", scores)
    if len(x) != len(y):
        raise InvalidInput(f"predictions and scores must be of one length. Received: {len(x)} and {len(y)}")
    return x, y


def pearson(x: Values, y: Values) -> float:
    """`plcc` of checked values."""
    if is_constant(x) or is_constant(y):
        return float("nan")
    x, y = _centred(x), _centred(y)
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1, 1))


def spearman(x: Values, y: Values) -> float:
    """`srcc` of checked values."""
    return pearson(stats.rankdata(x), stats.rankdata(y))


def kendall(x: Values, y: Values) -> float:
    """`krcc` of checked values."""
    if is_constant(x) or is_constant(y):
        return float("nan")
    if len(x) == 2:
        return float(np.sign(x[1] - x[0]) * np.sign(y[1] - y[0]))  # SciPy's p-value, unused here, would divide by zero
    return float(stats.kendalltau(x, y, variant="b", method="asymptotic").statistic)


def is_constant(values: Values) -> bool:
    """Whether no two values differ, as with fewer than two."""
    return len(values) < 2 or bool((values == values[0]).all())


def _centred(values: Values) -> Values:
    centred = values - values.mean()
    return centred / np.abs(centred).max()  # a common size, so that squares neither overflow nor vanish


def _vector(name: str, values: ArrayLike) -> Values:
    try:
        vector = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be numbers: {error}") from error
    if vector.ndim == 2 and vector.shape[1] == 1:
        vector = vector[:, 0]
    if vector.ndim != 1:
        raise InvalidInput(f"{name} must have shape (N,) or (N, 1). Received: {vector.shape}")
    bad = np.flatnonzero(~np.isfinite(vector))
    if len(bad):
        raise InvalidInput(
            f"{name} must be finite. Received: {vector[bad[0]]} at place {bad[0]} and {len(bad) - 1} more"
        )
    return vector
