"""Several thresholds of a histogram by Otsu's criterion, found as MATLAB's multithresh finds them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tfiqa.distortions.nelder_mead import nelder_mead

LEVELS = 256
# multithresh's options for its search.
POINT_TOLERANCE = 1.0
VALUE_TOLERANCE = 1e-4
EVALUATIONS_PER_THRESHOLD = 200


def otsu_thresholds(counts: NDArray[np.integer], thresholds: int) -> NDArray[np.int64]:
    """Thresholds between whose classes the variance is great (N. Otsu, A threshold selection method, IEEE SMC 9(1), 1979).

    Not the best ones: those that a simplex search from equal distances ends at, and KADID-10k's pictures are made with.

    Args:
        counts: (256,), a histogram that is not empty.
        thresholds: how many, 1 to 254.

    Returns:
        (thresholds,), increasing, within 1..254; a class ends with its threshold.
    """
    found = nelder_mead(
        _negative_variance(counts),
        np.linspace(0, LEVELS - 1, thresholds + 2)[1:-1],
        point_tolerance=POINT_TOLERANCE,
        value_tolerance=VALUE_TOLERANCE,
        most=EVALUATIONS_PER_THRESHOLD * thresholds,
    )
    return np.floor(found + 0.5).astype(np.int64)


def _negative_variance(counts: NDArray[np.integer]) -> Callable[[NDArray[np.float64]], float]:
    """The function to minimize: of thresholds, which it rounds; infinite unless they increase within 1..254."""
    terms: list[list[float]] = _class_terms(counts).tolist()

    def function(point: NDArray[np.float64]) -> float:
        variance, first, previous = 0.0, 0, 0
        for value in point.tolist():
            threshold = int(value + 0.5)  # halves up; what is below 0.5 becomes 0 or less
            if not previous < threshold < LEVELS - 1:
                return float("inf")
            variance += terms[first][threshold]
            first, previous = threshold + 1, threshold
        return -(variance + terms[first][-1])

    return function


def _class_terms(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """(256, 256): what a class of the levels [row] to [column] adds to the variance; 0 for an empty one.

    The probability of the class times the squared distance of its mean from the mean of all. Sums run level by level from
    the first of the class, as cumsum does, for the search depends on their last bits.
    """
    probabilities = counts / counts.sum()
    levels = np.arange(LEVELS, dtype=np.float64)
    weights = np.cumsum(np.triu(np.tile(probabilities, (LEVELS, 1))), axis=1)
    sums = np.cumsum(np.triu(np.tile(probabilities * levels, (LEVELS, 1))), axis=1)
    means = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
    return weights * (means - sums[0, -1]) ** 2
