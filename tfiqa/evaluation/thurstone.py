"""What uncertain qualities say: which of two pictures looks better, and which places many of them may take.

Thurstone's model: the quality that one looks at is drawn from a normal distribution around each picture's quality, pictures
independently (L. L. Thurstone, "A law of comparative judgment", Psychological Review 34, 1927, uncorrelated case; Zhang et
al., "Uncertainty-aware blind image quality assessment in the laboratory and wild", TIP 2021, equation 2).

A picture's rank is 1 plus the number of pictures that look better. Given the picture's own draw x, the comparisons with the
others are independent events, each of probability Phi((quality_j - x) / deviation_j), so that their number follows a
Poisson-binomial distribution; the rank's distribution is the mean of those over x. (Comparisons taken as independent without
that condition would have the same expected rank, but intervals that are far too narrow: a picture that was drawn too good
wins all its comparisons.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr

from tfiqa.databases.pairs import EPSILON, thurstone_probability
from tfiqa.errors import InvalidInput

Values = NDArray[np.float64]

CONFIDENCE = 95  # per cent
LEVELS = ((100 - CONFIDENCE) / 200, (100 + CONFIDENCE) / 200)
ROUNDING = 1e-12  # of sums of probabilities, lest 0.975 miss itself
EXACT_PICTURES = 128  # up to here the Poisson-binomial distributions are exact; beyond, normal with a term of skewness
# The mean over a picture's own draw is a sum over points in units of its deviation. They are dense enough for others with
# deviations down to SMALLEST of it, which smaller ones are raised to: that moves no probability by more than 0.0013.
FEW_NODES, MANY_NODES = np.linspace(-6, 6, 97), np.linspace(-6, 6, 49)
SMALLEST = 0.1
GRID = 1024  # qualities at which many pictures are counted; a monotone cubic curve runs between them
BLOCK = 2_000_000  # numbers at once, to bound memory
EDGEWORTH = 1 / (6 * np.sqrt(2 * np.pi))  # the first term of the expansion: a sixth of the skewness, the normal density

Ranks = tuple[Values, NDArray[np.int64], NDArray[np.int64], Values | None]  # expected, low, high, among_best


@dataclass(frozen=True)
class Ranking:
    """Pictures from best to worst; of each (N,).

    Args:
        order: the pictures' places in what was given.
        expected: the mean of the rank's distribution, 1..N, 1 is best.
        low, high: the interval of the rank, whole numbers: the rank's quantiles at 2.5 and 97.5 %.
        better_than_next: probability of looking better than the picture behind; NaN for the last.
        among_best: probability that the rank is `top` or better; None where no `top` was asked for.
    """

    order: NDArray[np.int64]
    expected: Values
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    better_than_next: Values
    among_best: Values | None


def probability_matrix(quality: ArrayLike, deviation: ArrayLike) -> Values:
    """(N, N): the probability that the row's picture looks better than the column's; 1/2 on the diagonal.

    Args:
        quality: (N,), higher is better.
        deviation: (N,) standard deviations, at least 0. Two pictures without deviation give 0, 1/2 or 1.

    Raises InvalidInput for other shapes, values that are not finite, or a negative deviation.
    """
    mean, std = _checked(quality, deviation)
    return thurstone_probability(mean[:, None] - mean, std[:, None], std)


def rank_pictures(quality: ArrayLike, deviation: ArrayLike, top: int | None = None) -> Ranking:
    """Ranks pictures by quality, equal ones in the given order, and tells how sure each rank is (see the module).

    Up to 128 pictures exact to rounding, where no deviation is below a tenth of another; beyond, the time is proportional to
    the number of pictures and memory bounded.

    Args:
        quality, deviation: as in `probability_matrix`, N at least 1.
        top: how many are the best; 1..N.

    Raises InvalidInput as `probability_matrix` does, and for another `top`.
    """
    mean, std = _checked(quality, deviation)
    pictures = len(mean)
    if not pictures:
        raise InvalidInput("there is nothing to rank: no pictures")
    if top is not None and not 1 <= top <= pictures:
        raise InvalidInput(f"the best are between 1 and all {pictures} pictures. Asked for: {top}")
    order = np.argsort(-mean, kind="stable")
    mean, std = mean[order], std[order]
    spread = _exact_ranks if pictures <= EXACT_PICTURES else _many_ranks
    expected, low, high, among_best = spread(mean, std, top)
    better = thurstone_probability(mean[:-1] - mean[1:], std[:-1], std[1:])
    return Ranking(order, expected, low, high, np.append(better, np.nan), among_best)


def _exact_ranks(mean: Values, std: Values, top: int | None) -> Ranks:
    pictures = len(mean)
    draws = mean[:, None] + std[:, None] * FEW_NODES  # (N, K)
    counts = np.zeros((pictures, len(FEW_NODES), pictures))  # how many look better: 0..N-1
    counts[:, :, 0] = 1
    for other in range(pictures):
        better = _better(mean[other], np.maximum(std[other], SMALLEST * std[:, None]), draws)
        better[other] = 0
        moved = counts[:, :, :-1] * better[:, :, None]
        counts *= 1 - better[:, :, None]
        counts[:, :, 1:] += moved
    reached = np.cumsum(np.einsum("ikr,k->ir", counts, _weights(FEW_NODES)), axis=1)
    low, high = (1 + np.argmax(reached >= level - ROUNDING, axis=1) for level in LEVELS)
    expected = 0.5 + probability_matrix(mean, std).sum(axis=0)  # the diagonal's half is no picture
    return expected, low, high, None if top is None else np.minimum(reached[:, top - 1], 1)


def _many_ranks(mean: Values, std: Values, top: int | None) -> Ranks:
    pictures, weights = len(mean), _weights(MANY_NODES)
    counted = _counter(mean, std)
    parts = []
    for rows in _blocks(pictures, len(MANY_NODES)):
        draws = mean[rows, None] + std[rows, None] * MANY_NODES
        own = _moments(_better(mean[rows, None], std[rows, None], draws))
        count, variance, skew = (all_ - one for all_, one in zip(counted(draws), own, strict=True))
        deviation = np.sqrt(np.maximum(variance, 0)) + EPSILON
        skewness = skew / deviation**3

        def reached(rank: NDArray[np.int64], c: Values = count, d: Values = deviation, s: Values = skewness) -> Values:
            """(n,) the probability of that rank or a better one: the refined normal approximation."""
            z = np.clip((rank[:, None] - 0.5 - c) / d, -40, 40)  # beyond, the normal distribution is 0 or 1
            return np.clip(ndtr(z) + s * (1 - z**2) * np.exp(-(z**2) / 2) * EDGEWORTH, 0, 1) @ weights

        quantiles = [_smallest(reached, level, len(draws), pictures) for level in LEVELS]
        best = None if top is None else reached(np.full(len(draws), top))
        parts.append((np.clip(1 + count @ weights, 1, pictures), *quantiles, best))
    expected, low, high, among_best = zip(*parts, strict=True)
    best = None if top is None else np.concatenate(among_best)
    return np.concatenate(expected), np.concatenate(low), np.concatenate(high), best


def _counter(mean: Values, std: Values) -> Callable[[Values], Values]:
    """A function of qualities to the mean, variance and third central moment of how many pictures look better: (..., ) to
    (3, ...)."""
    is_sure = mean + std == mean
    sure = np.sort(mean[is_sure])  # steps, which no curve follows
    mean, std = mean[~is_sure], std[~is_sure]
    points = mean[:, None] + std[:, None] * MANY_NODES[::2] if len(mean) else np.array([0.0, 1.0])
    grid = np.unique(np.quantile(points, ndtr(np.linspace(-6, 6, GRID))))  # densest at the ends, where ranks count most
    moments = np.zeros((3, len(grid)))
    for rows in _blocks(len(grid), max(1, len(mean))):
        moments[:, rows] = _moments(_better(mean, std, grid[rows, None])).sum(axis=-1)
    curve = PchipInterpolator(grid, moments, axis=1)

    def count(quality: Values) -> Values:
        above = len(sure) - np.searchsorted(sure, quality, side="right")
        equal = len(sure) - np.searchsorted(sure, quality, side="left") - above
        steps = np.stack([above + equal / 2, equal / 4, np.zeros_like(quality)])
        return curve(np.clip(quality, grid[0], grid[-1])) + steps

    return count


def _better(mean: Values | np.float64, std: Values | np.float64, quality: Values) -> Values:
    """The probability that pictures look better than something of a known quality."""
    return np.asarray(ndtr((mean - quality) / (std + EPSILON)))


def _moments(probability: Values) -> Values:
    """(3, ...): mean, variance and third central moment of events of these probabilities."""
    variance = probability * (1 - probability)
    return np.stack([probability, variance, variance * (1 - 2 * probability)])


def _weights(nodes: Values) -> Values:
    density = np.exp(-(nodes**2) / 2)
    return density / density.sum()


def _smallest(
    reached: Callable[[NDArray[np.int64]], Values], level: float, rows: int, pictures: int
) -> NDArray[np.int64]:
    """(rows,) the smallest ranks whose probability reaches the level, by halving."""
    low, high = np.ones(rows, np.int64), np.full(rows, pictures)
    while (low < high).any():
        middle = (low + high) // 2
        enough = reached(middle) >= level - ROUNDING
        high = np.where(enough, middle, high)
        low = np.where(enough, low, np.minimum(middle + 1, high))
    return high


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows with at most BLOCK numbers, but at least one row."""
    size = max(1, BLOCK // columns)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def _checked(quality: ArrayLike, deviation: ArrayLike) -> tuple[Values, Values]:
    mean, std = np.asarray(quality, np.float64), np.asarray(deviation, np.float64)
    if mean.ndim != 1 or mean.shape != std.shape:
        raise InvalidInput(f"quality and deviation must be of shape (N,). Received: {mean.shape} and {std.shape}")
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        raise InvalidInput("quality and deviation must be finite")
    if (std < 0).any():
        raise InvalidInput(f"a standard deviation is at least 0. Received: {std.min():g}")
    return mean, std
