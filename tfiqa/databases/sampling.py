"""Choosing pictures from a large collection such that the histograms of several features match given ones.

PaQ-2-PiQ (Ying et al., CVPR 2020, section 3.1) chose its pictures so, by mixed integer programming, to resemble the
pictures of a social network; KonIQ-10k (Hosu et al., 2020) aimed at flat histograms, for diversity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, sparse

from tfiqa.databases.groups import group_keys
from tfiqa.databases.manifest import Manifest
from tfiqa.errors import InvalidInput, TfiqaError
from tfiqa.registry import unknown_name

BINS = 10
FLAT_RANGE = (0.01, 0.99)  # quantiles that flat bins lie between; else one giant picture would leave most bins empty
FREE_PICTURES, MORE_FREE_PICTURES = 100, 1000  # decided as whole numbers: at first, and where these do not suffice
SEARCH_NODES = 100  # of the integer search: a limit that, unlike one on time, gives the same sample on a slow machine
DRAWS_GAP = 0.05  # how much above the lowest the draws may sum; closing the gap takes long and betters no histogram
TOLERANCE = 1e-4  # what is less is HiGHS's rounding: its own tolerance, 1e-7, holds for each of many constraints


@dataclass(frozen=True, eq=False)
class Histogram:
    """What shares of pictures a feature should have in which intervals.

    Args:
        edges: ascending (B+1,); each bin holds its lower edge, the last one its upper edge too. -inf and inf are allowed.
        shares: (B,), not negative, sum 1. The share outside the edges is 0.
    """

    edges: NDArray[np.float64]
    shares: NDArray[np.float64]

    def places(self, values: ArrayLike) -> NDArray[np.intp]:
        """The bin of every value, 0..B-1, or B where it lies outside."""
        values = np.asarray(values, np.float64)
        last = len(self.shares) - 1
        places = np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, last)
        return np.where((values < self.edges[0]) | (values > self.edges[-1]), last + 1, places)

    def counts(self, values: ArrayLike) -> NDArray[np.intp]:
        """How many values lie in every bin and, last, outside: (B+1,)."""
        return np.bincount(self.places(values), minlength=len(self.shares) + 1)

    def distance(self, values: ArrayLike) -> float:
        """Total variation distance of the values' histogram from this one: the share in wrong bins, 0..1."""
        counts = self.counts(values)
        return float(np.abs(counts / counts.sum() - np.append(self.shares, 0.0)).sum() / 2)


def histogram_like(values: ArrayLike, bins: int = BINS) -> Histogram:
    """The histogram of values (N,) in `bins` intervals that hold equally many of them, from the lowest to the highest.

    Equal values share a bin: where many are equal there are fewer bins, of unequal shares.
    """
    edges = np.unique(np.quantile(np.asarray(values, np.float64), np.linspace(0, 1, bins + 1)))
    edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    empty = Histogram(edges, np.zeros(len(edges) - 1))
    counts = empty.counts(values)[:-1]
    return Histogram(edges, counts / counts.sum())


def flat_histogram(values: ArrayLike, bins: int = BINS) -> Histogram:
    """Equal shares in `bins` intervals of equal width over the range of values (N,).

    The range is that between the values' quantiles `FLAT_RANGE`; what lies beyond belongs to the first and last bin.
    Values without a range have one bin.
    """
    low, high = np.quantile(np.asarray(values, np.float64), FLAT_RANGE)
    edges = np.linspace(low, high, bins + 1 if low < high else 2)
    edges[0], edges[-1] = -np.inf, np.inf
    return Histogram(edges, np.full(len(edges) - 1, 1 / (len(edges) - 1)))


@dataclass(frozen=True, eq=False)
class Sample:
    """Pictures chosen by `choose_pictures`.

    Args:
        rows: their rows in the manifest, ascending (count,).
        misplaced: pictures beyond the number wanted in their bin, summed over bins and features.
        lowest_misplaced: no sample has fewer. Where it equals `misplaced`, this sample is proven to be optimal.
        distances: a row a feature; columns `sample` and `random`, the total variation distance of the chosen pictures'
            histogram from the target, and that of as many pictures drawn at random.
    """

    rows: NDArray[np.intp]
    misplaced: int
    lowest_misplaced: int
    distances: pd.DataFrame


def choose_pictures(manifest: Manifest, targets: Mapping[str, Histogram], count: int, seed: int = 1) -> Sample:
    """Chooses pictures such that the histograms of all features are together as near to their targets as can be.

    The mixed integer programme: with x = 1 for a picture that is chosen, and the sum of x being `count`, minimise the
    pictures beyond the number wanted in each bin, summed over all bins of all features. Among equally good choices, take
    that with the lowest sum of a number drawn for each picture from the seed, so that chance, not the solver, chooses
    where the histograms leave a choice.

    How it is solved: (1) The linear relaxation, where pictures with the same bins are one variable, bounds from below how
    many pictures any sample misplaces. (2) Among its solutions HiGHS finds that with the lowest draws, where at most about
    as many pictures as there are bins are neither in nor out. (3) These, and the pictures next to changing sides by their
    reduced cost, are decided as whole numbers, the others stay; first few of them, and more where the bound is not reached.

    The sample depends on neither the order of the rows nor where the pictures lie, but another version of SciPy may find
    another one that is as good. Groups are not kept together.

    Args:
        manifest: the collection, with a column of numbers for every feature. Rows that lack one are never chosen.
        targets: the histogram wanted of each feature. Wanted pictures are the shares times `count`, rounded to whole
            pictures by the largest remainders.
        count: how many pictures to choose.
        seed: chooses between samples that match equally well.

    Raises:
        InvalidInput: the manifest lacks a feature, or fewer pictures than `count` have all of them.
        TfiqaError: the solver failed.
    """
    for feature in targets:
        if feature not in manifest.table:
            raise InvalidInput(f"{manifest.name}: {unknown_name('feature', feature, map(str, manifest.table.columns))}")
    usable = np.flatnonzero(manifest.table[list(targets)].notna().all(axis="columns"))
    if not 1 <= count <= len(usable):
        raise InvalidInput(f"{manifest.name}: cannot choose {count} of {len(usable)} pictures that have all features")
    draws = np.array([_draw(seed, key) for key in group_keys(manifest.table[["image"]]).iloc[usable]])
    order = np.argsort(draws)  # what the solver sees is then the same for every order of rows
    rows, draws = usable[order], draws[order]
    values = manifest.table[list(targets)].to_numpy(np.float64)[rows]
    places, wanted = _joined_bins(values, list(targets.values()), count)
    chosen, lowest = _solve(places, wanted, draws, count)
    distances = {
        feature: {"sample": target.distance(values[chosen, place]), "random": target.distance(values[:count, place])}
        for place, (feature, target) in enumerate(targets.items())
    }
    return Sample(
        rows=np.sort(rows[chosen]),
        misplaced=_misplaced(places[chosen], wanted),
        lowest_misplaced=lowest,
        distances=pd.DataFrame.from_dict(distances, orient="index"),
    )


def _joined_bins(
    values: NDArray[np.float64], targets: Sequence[Histogram], count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All features' bins numbered through, that for what lies outside last in each: every picture's (N,F), and how many
    pictures are wanted in each (M,).
    """
    wanted = [_apportioned(np.append(target.shares, 0.0), count) for target in targets]
    first = np.cumsum([0, *(len(each) for each in wanted[:-1])])
    places = np.stack([target.places(values[:, place]) for place, target in enumerate(targets)], axis=1)
    return places + first, np.concatenate(wanted)


def _misplaced(places: NDArray[np.intp], wanted: NDArray[np.intp]) -> int:
    return int(np.maximum(np.bincount(places.ravel(), minlength=len(wanted)) - wanted, 0).sum())


def _solve(
    places: NDArray[np.intp], wanted: NDArray[np.intp], draws: NDArray[np.float64], count: int
) -> tuple[NDArray[np.bool_], int]:
    """Which pictures to choose, (N,), and the bound on the pictures misplaced."""
    cells, sizes = np.unique(places, axis=0, return_counts=True)
    bound = _Programme.of(cells, wanted, count).relaxed(np.zeros(len(cells)), sizes, 1.0, places.size).fun
    lowest = int(np.ceil(bound - TOLERANCE))
    whole = _Programme.of(places, wanted, count)
    relaxed = whole.relaxed(draws, np.ones(len(draws)), 0.0, bound + TOLERANCE)
    shares = relaxed.x[: len(draws)]
    reduced_costs = np.abs(draws - relaxed.ineqlin.marginals[places].sum(axis=1) - relaxed.eqlin.marginals)
    is_fraction = np.minimum(shares, 1 - shares) > TOLERANCE
    nearest = np.lexsort((reduced_costs, ~is_fraction))
    for size, limit in ((FREE_PICTURES, lowest), (MORE_FREE_PICTURES, lowest), (MORE_FREE_PICTURES, np.inf)):
        free = nearest[: max(size, int(is_fraction.sum()))]
        chosen = shares > 0.5
        chosen[free] = False
        left = wanted - np.bincount(places[chosen].ravel(), minlength=len(wanted))
        surplus = np.maximum(-left, 0).sum()  # of those that are settled
        rest = _Programme.of(places[free], np.maximum(left, 0), count - int(chosen.sum()))
        decided = rest.solved(draws[free], limit - surplus)
        if decided is not None:
            chosen[free] = decided
            return chosen, lowest
    raise TfiqaError("no sample found: the solver HiGHS gave up; try fewer features or bins")


@dataclass(frozen=True, eq=False)
class _Programme:
    """How many to choose of each of N pictures, or cells of pictures with the same bins; unknown too, each bin's surplus.

    Args:
        matrix: (M + 2, N + M) by N pictures and M surpluses. A row a bin: its pictures less its surplus; then the sum of
            all surpluses; then that of all pictures.
        wanted: the most that a bin's row may be, (M,).
        count: what the last row has to be.
    """

    matrix: sparse.csr_array
    wanted: NDArray[np.intp]
    count: int

    @classmethod
    def of(cls, places: NDArray[np.intp], wanted: NDArray[np.intp], count: int) -> _Programme:
        (pictures, features), size = places.shape, len(wanted)
        entries = (np.ones(places.size), (places.ravel(), np.repeat(np.arange(pictures), features)))
        blocks = [
            [sparse.csr_array(entries, shape=(size, pictures)), -sparse.eye_array(size)],
            [None, np.ones((1, size))],
            [np.ones((1, pictures)), None],
        ]
        return cls(sparse.block_array(blocks, format="csr"), wanted, count)

    def relaxed(
        self, costs: NDArray[np.float64], sizes: ArrayLike, surplus_cost: float, most_surplus: float
    ) -> optimize.OptimizeResult:
        """The cheapest solution in real numbers, 0..sizes of each picture; a vertex."""
        result = optimize.linprog(
            self._with_surplus(costs, surplus_cost),
            A_ub=self.matrix[:-1],
            b_ub=np.append(self.wanted, most_surplus),
            A_eq=self.matrix[-1:],
            b_eq=[self.count],
            bounds=np.stack([self._with_surplus(np.zeros(len(costs)), 0.0), self._with_surplus(sizes, np.inf)], axis=1),
            method="highs-ds",  # the simplex method, which ends at a vertex
        )
        if result.status != 0:
            raise TfiqaError(f"no sample found; the solver HiGHS says: {result.message}")
        return result

    def solved(self, draws: NDArray[np.float64], most_surplus: float) -> NDArray[np.bool_] | None:
        """The pictures (N,), each once or not at all, with the lowest draws that keep to the surplus; None if none is found.

        Where any surplus is allowed, it is made the least, and only then the draws the lowest.
        """
        is_limited = np.isfinite(most_surplus)
        surplus_cost = 0.0 if is_limited else float(len(draws))  # then one misplaced picture outweighs all draws
        result = optimize.milp(
            self._with_surplus(draws, surplus_cost),
            integrality=self._with_surplus(np.ones(len(draws)), 0.0),
            bounds=optimize.Bounds(0, self._with_surplus(np.ones(len(draws)), np.inf)),
            constraints=optimize.LinearConstraint(
                self.matrix,
                lb=np.append(np.full(len(self.wanted) + 1, -np.inf), self.count),
                ub=np.concatenate([self.wanted, [most_surplus, self.count]]),
            ),
            options={"node_limit": SEARCH_NODES, "mip_rel_gap": DRAWS_GAP if is_limited else 0.0},
        )
        return None if result.x is None else result.x[: len(draws)] > 0.5

    def _with_surplus(self, of_pictures: ArrayLike, of_surplus: float) -> NDArray[np.float64]:
        return np.append(of_pictures, np.full(len(self.wanted), of_surplus))


def _apportioned(shares: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Whole numbers that sum to `count`, nearest to the shares of it: the largest remainders are rounded up."""
    exact = shares * count
    whole = np.floor(exact).astype(np.intp)
    left = count - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return whole


def _draw(seed: int, key: str) -> float:
    """A number in [0, 1), uniform over seeds and keys."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{key}".encode()).digest()[:6]) / 2**48
