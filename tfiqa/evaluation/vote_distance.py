"""How far predicted distributions of votes are from people's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfiqa.models.baselines.nima import BINS


def vote_distance(predicted: pd.DataFrame, truth: pd.DataFrame) -> float | None:
    """The mean over pictures of the earth mover's distance with r = 1, which NIMA's authors report: the mean absolute
    difference of the cumulative shares (H. Talebi, P. Milanfar, "NIMA: Neural Image Assessment", IEEE TIP 2018, equation 1). 0
    is best, below 1.

    Args:
        predicted: N rows with the columns `bin_1` .. `bin_10`.
        truth: N rows, with these columns or without; counts or shares.

    Returns:
        The distance over the rows that have votes; None where there are none, or where either side lacks the columns.
    """
    if not set(BINS) <= set(predicted) or not set(BINS) <= set(truth):
        return None
    votes = truth[list(BINS)].apply(pd.to_numeric).to_numpy(np.float64)
    known = votes.sum(axis=1) > 0  # not so for NaN either
    if not known.any():
        return None
    shares = votes[known] / votes[known].sum(axis=1, keepdims=True)
    difference = np.cumsum(predicted[list(BINS)].to_numpy(np.float64)[known] - shares, axis=1)
    return float(np.abs(difference).mean())
