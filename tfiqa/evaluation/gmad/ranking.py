"""Global rankings from the matrices of aggressiveness and resistance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr

from tfiqa.errors import InvalidInput


@dataclass(frozen=True)
class Ranking:
    """Global scores of all players by name, each with mean 0, higher is better.

    Args:
        aggressiveness: how well a player falsifies the others.
        resistance: how well it withstands them.
    """

    aggressiveness: dict[str, float]
    resistance: dict[str, float]


def global_ranking(players: Sequence[str], attacks: pd.DataFrame) -> Ranking | None:
    """The rankings of Ma et al. 2020 from a table of attacks; None where some attack was not made or not judged.

    Negative aggressiveness counts as 0, as in the authors' code.

    Args:
        players: names.
        attacks: of `attacks_table`.
    """
    if "aggressiveness" not in attacks or len(attacks) < len(players) * (len(players) - 1):
        return None
    if attacks["aggressiveness"].isna().any():
        return None
    place = {name: number for number, name in enumerate(players)}
    attacker, defender = attacks["attacker"].map(place), attacks["defender"].map(place)
    A, R = np.zeros((2, len(players), len(players)))
    A[attacker, defender] = attacks["aggressiveness"].clip(lower=0)
    R[defender, attacker] = attacks["resistance"]
    scores = [dict(zip(players, thurstone_scores(matrix).tolist(), strict=True)) for matrix in (A, R)]
    return Ranking(*scores)


def thurstone_scores(wins: ArrayLike) -> NDArray[np.float64]:
    """Scores s that maximise sum_ij w_ij log Phi(s_i - s_j) - sum_i s_i^2 / 2: Thurstone's case V (Tsukida and Gupta 2011).

    The authors take the maximum of the likelihood alone, which does not exist where a player never loses. The standard normal
    prior weighs as much as one or two of the hundred points of a pair and keeps all scores finite.

    Args:
        wins: (M, M) how strongly i beats j, 0 or more; the diagonal does not count.

    Returns:
        (M,) with mean 0.

    Raises:
        InvalidInput: another shape, or values that are negative or not finite.
    """
    w = np.array(wins, np.float64)
    if w.ndim != 2 or w.shape[0] != w.shape[1] or not np.isfinite(w).all() or (w < 0).any():
        raise InvalidInput(f"wins must be a square matrix of values from 0 on. Received: shape {w.shape}")
    np.fill_diagonal(w, 0)

    def loss(s: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        apart = s[:, None] - s
        log_probability = log_ndtr(apart)
        slope = w * np.exp(-(apart**2) / 2 - log_probability) / np.sqrt(2 * np.pi)
        return float(s @ s / 2 - (w * log_probability).sum()), s - slope.sum(axis=1) + slope.sum(axis=0)

    scores = minimize(loss, np.zeros(len(w)), jac=True, method="BFGS").x
    return scores - scores.mean()
