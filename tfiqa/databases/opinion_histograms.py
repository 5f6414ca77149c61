"""How opinions are distributed over bins, where a database gives only their mean and deviation.

Of all distributions with that mean and deviation the one of maximum entropy assumes least: ``p_i`` is proportional to
``exp(a x_i + b x_i^2)`` over the bins' scores x_i. So H. Talebi, P. Milanfar, "NIMA: Neural Image Assessment", IEEE TIP 2018,
section III-A, make votes for TID2013.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.opinion_deviations import bounds_of
from tfiqa.errors import ManifestError
from tfiqa.models.baselines.nima import BINS

Values = NDArray[np.float64]

# Of the variance, as a share of that between two bins: this near to the least and the most that bins allow, p has all but one
# or two bins empty, and a and b grow without bound.
MARGIN = 0.02
STEPS = 200  # of Newton's method; some ten are enough but near the bounds
HALVINGS = 40
ENOUGH = 1e-8  # the largest error of a moment, on scores -1..1
ROUNDING = 1e-13


def most_even(
    means: ArrayLike, deviations: ArrayLike, low: float, high: float, bins: int = len(BINS)
) -> tuple[Values, int]:
    """The distributions of maximum entropy over equally spaced scores.

    Args:
        means: (N,), in low..high.
        deviations: standard deviations (N,), in the unit of the means.
        low, high: the first and the last bin's score.
        bins: how many.

    Returns:
        Shares (N, bins), each row summing to 1, and how many deviations were beyond what bins allow (a mean between two bins
        needs some, one near the ends cannot have much) and were moved to the nearest allowed. Means within a fiftieth of a
        bin from the ends are moved to there.
    """
    x = np.linspace(-1, 1, bins)
    m = np.clip(2 * (np.asarray(means, np.float64) - low) / (high - low) - 1, -1, 1)
    wanted = (2 * np.asarray(deviations, np.float64) / (high - low)) ** 2
    step = 2 / (bins - 1)
    inside = np.clip(m, -1 + MARGIN * step, 1 - MARGIN * step)  # all opinions alike at an end have no finite a
    place = np.mod(inside + 1, step)
    least = place * (step - place) + MARGIN * step**2
    most = np.maximum((1 + inside) * (1 - inside) - MARGIN * step**2, least)
    variance = np.clip(wanted, least, most)
    moved = int((np.abs(np.sqrt(variance) - np.sqrt(wanted)) > 1e-6).sum())
    powers = np.stack([x, x**2])
    target = np.stack([inside, variance + inside**2], axis=1)
    return _solved(powers, target), moved


def _solved(powers: Values, target: Values) -> Values:
    """Shares (N, bins) whose mean `powers` (2, bins) are the targets (N, 2): the minimum of a convex function by Newton's method,
    each step halved until the function falls."""
    factors = np.zeros_like(target)
    shares = np.full((len(target), powers.shape[1]), 1 / powers.shape[1])
    open_rows = np.arange(len(target))
    for _ in range(STEPS):
        found = shares[open_rows] @ powers.T
        error = found - target[open_rows]
        unsolved = np.abs(error).max(axis=1) > ENOUGH
        open_rows, found, error = open_rows[unsolved], found[unsolved], error[unsolved]
        if not len(open_rows):
            break
        centred = powers[None] - found[:, :, None]
        curvature = np.einsum("nib,njb,nb->nij", centred, centred, shares[open_rows])
        step = np.linalg.solve(curvature, error[..., None])[..., 0]
        before, _ = _potential(factors[open_rows], powers, target[open_rows])
        for _ in range(HALVINGS):
            after, new = _potential(factors[open_rows] - step, powers, target[open_rows])
            worse = after > before + ROUNDING * np.abs(before)
            if not worse.any():
                break
            step[worse] /= 2
        factors[open_rows] -= step
        shares[open_rows] = new
    return shares


def _potential(factors: Values, powers: Values, target: Values) -> tuple[Values, Values]:
    """The convex function's values (N,), and the shares (N, bins) that the factors make."""
    exponents = factors @ powers
    highest = exponents.max(axis=1, keepdims=True)
    weights = np.exp(exponents - highest)
    total = weights.sum(axis=1, keepdims=True)
    return (highest + np.log(total))[:, 0] - (factors * target).sum(axis=1), weights / total


def with_histograms(manifest: Manifest) -> tuple[Manifest, int]:
    """The manifest with the columns `bin_1` .. `bin_10`, shares of votes from the lowest to the highest score of its scale, and
    how many deviations were moved; see `most_even`.

    Raises ManifestError for scores or deviations that are missing or off the scale, and where the columns are there already,
    InvalidInput for a scale without bounds.
    """
    low, high = bounds_of(manifest)
    present = [name for name in BINS if name in manifest.table]
    if present:
        raise ManifestError(f"{manifest.name}: it has a column {present[0]!r} already")
    for name in ("score", "score_std"):
        if name not in manifest.table or manifest.table[name].isna().any():
            raise ManifestError(
                f"{manifest.name}: {name} is missing{' in some rows' if name in manifest.table else ''}"
            )
    scores, deviations = (manifest.table[name].to_numpy(np.float64) for name in ("score", "score_std"))
    if ((scores < low) | (scores > high)).any() or (deviations < 0).any():
        raise ManifestError(f"{manifest.name}: scores are from {low:g} to {high:g} and deviations not negative")
    shares, moved = most_even(scores, deviations, low, high)
    return replace(manifest, table=manifest.table.assign(**dict(zip(BINS, shares.T, strict=True)))), moved
