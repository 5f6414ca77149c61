"""Pairs of pictures for learning to rank (Zhang et al., "Uncertainty-aware blind image quality assessment in the
laboratory and wild", 2021, section III-A). Drawn by their place in a random permutation, never held in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import InvalidInput, ManifestError

# The authors' code; their text says 270,000 in all, these are 260,000. TID2013's pairs are made there and not trained on.
PAIRS_PER_DATABASE = {
    "live": 25_000,
    "csiq": 35_000,
    "kadid10k": 50_000,
    "bid": 20_000,
    "live_challenge": 40_000,
    "koniq10k": 90_000,
    "tid2013": 30_000,
}
LABELS = ("thurstone", "binary")
EPSILON = float(np.finfo(np.float64).eps)  # added to the deviation by the authors' code; equal certain scores give 1/2
ROUNDS = 6  # of the Feistel network; four make it pseudo-random (Luby and Rackoff, 1988)
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # splitmix64 (Steele et al., 2014)


@dataclass(frozen=True)
class PairBlock:
    """B pairs of pictures of one database.

    Args:
        first, second: rows of the manifest, int64 (B,).
        probability: that the first looks better, float64 (B,).
        std_order: 1 where the first's deviation is the larger, -1 where it is the smaller, 0 where they are equal or
            unknown; int64 (B,). (The paper says 1 for equal ones too; the authors' code and this take the sign.)
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    probability: NDArray[np.float64]
    std_order: NDArray[np.int64]


class PairStream:
    """Distinct unordered pairs of a manifest's pictures in a random order that depends on nothing but the seed.

    Args:
        manifest: one database; scores on any scale and in any direction.
        count: how many pairs; None for the authors' number for the manifest's database, or all where there are fewer.
        seed: of the order.
        labels: "thurstone" for equation 1, which needs `score_std`; "binary" for 1, 1/2 or 0 by the scores alone.

    Raises:
        InvalidInput: `count` is beyond the pairs there are, or None for a database without a known number.
        ManifestError: fewer than two pictures, several databases, or `score_std` is missing or negative.
    """

    def __init__(self, manifest: Manifest, count: int | None = None, *, seed: int = 0, labels: str = "thurstone"):
        if labels not in LABELS:
            raise InvalidInput(f"labels are {' or '.join(LABELS)}. Received: {labels!r}")
        self.manifest = manifest
        self.seed = seed
        self.database = database_of(manifest)
        self._scores = manifest.scale.oriented(_column(manifest, "score"))
        self._stds = _column(manifest, "score_std") if labels == "thurstone" else None
        if self._stds is not None and (self._stds < 0).any():
            raise ManifestError(f"{manifest.name}: a standard deviation (score_std) is negative")
        pictures = len(manifest)
        self.possible = pictures * (pictures - 1) // 2
        if not self.possible:
            raise ManifestError(f"{manifest.name}: a pair needs two pictures; it has {pictures}")
        self._count = self._checked(count)

    def __len__(self) -> int:
        return self._count

    def block(self, places: ArrayLike) -> PairBlock:
        """The pairs at some places in 0..len-1 of the order."""
        chosen = permuted(np.asarray(places, np.int64), self.possible, self.seed)
        first, second = pair_of_rank(chosen, len(self.manifest))
        difference = self._scores[first] - self._scores[second]
        if self._stds is None:
            return PairBlock(first, second, (np.sign(difference) + 1) / 2, np.zeros_like(first))
        one, two = self._stds[first], self._stds[second]
        probability = thurstone_probability(difference, one, two)
        return PairBlock(first, second, probability, np.sign(one - two).astype(np.int64))

    def blocks(self, size: int = 4096) -> Iterator[PairBlock]:
        """All pairs, in order, `size` at a time."""
        for start in range(0, self._count, size):
            yield self.block(np.arange(start, min(start + size, self._count)))

    def _checked(self, count: int | None) -> int:
        if count is None:
            if self.database not in PAIRS_PER_DATABASE:
                raise InvalidInput(f"say how many pairs of {self.manifest.name}; the authors give no number for it")
            return min(PAIRS_PER_DATABASE[self.database], self.possible)
        if not 1 <= count <= self.possible:
            raise InvalidInput(f"{self.manifest.name} has {self.possible} pairs. Asked for: {count}")
        return count


def mixed_blocks(streams: Sequence[PairStream], seed: int, size: int = 4096) -> Iterator[Mapping[int, PairBlock]]:
    """The pairs of several databases in one random order, `size` at a time, each block by the place of its stream.

    Every pair lies within one database; every pair of every stream comes once.
    """
    starts = np.cumsum([0, *map(len, streams)])
    total = int(starts[-1])
    for start in range(0, total, size):
        places = permuted(np.arange(start, min(start + size, total)), total, seed)
        owner = np.searchsorted(starts, places, side="right") - 1
        yield {
            int(stream): streams[stream].block(places[owner == stream] - starts[stream]) for stream in np.unique(owner)
        }


def thurstone_probability(difference: ArrayLike, std_1: ArrayLike, std_2: ArrayLike) -> NDArray[np.float64]:
    """The probability that the first of two pictures looks better: equation 1, Phi of the difference of their oriented
    scores over the root of the sum of their variances (plus machine epsilon, as in the authors' code).
    """
    deviation = np.hypot(np.asarray(std_1, np.float64), np.asarray(std_2, np.float64)) + EPSILON
    return ndtr(np.asarray(difference, np.float64) / deviation)


def pair_of_rank(rank: NDArray[np.int64], pictures: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs first < second < pictures at some ranks of (0,1), (0,2), ..., (0,n-1), (1,2), ..."""
    back = pictures * (pictures - 1) // 2 - 1 - rank  # counted from the end, rows have lengths 1, 2, 3, ...
    row = ((np.sqrt(8.0 * back + 1) - 1) / 2).astype(np.int64)
    row += (row + 1) * (row + 2) // 2 <= back  # the root may be rounded to either side
    row -= row * (row + 1) // 2 > back
    return pictures - 2 - row, pictures - 1 - (back - row * (row + 1) // 2)


def permuted(places: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """Where a seeded random permutation of 0..size-1 sends some places.

    A Feistel network over the next power of four; what falls beyond `size` is sent on until it falls within.
    """
    half_bits = max(1, (int(size - 1).bit_length() + 1) // 2)
    digest = hashlib.sha256(f"pairs\n{seed}".encode()).digest()
    keys = np.frombuffer(hashlib.shake_256(digest).digest(8 * ROUNDS), "<u8").astype(np.uint64)
    sent = _feistel(places.astype(np.uint64), half_bits, keys)
    outside = np.flatnonzero(sent >= np.uint64(size))
    while len(outside):
        sent[outside] = _feistel(sent[outside], half_bits, keys)
        outside = outside[sent[outside] >= np.uint64(size)]
    return sent.astype(np.int64)


def _feistel(values: NDArray[np.uint64], half_bits: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = np.uint64(half_bits)
    mask = np.uint64((1 << half_bits) - 1)
    left, right = values >> bits, values & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right + key) & mask)
    return (left << bits) | right


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * MIX_1
    values = (values ^ (values >> np.uint64(27))) * MIX_2
    return values ^ (values >> np.uint64(31))


def database_of(manifest: Manifest) -> str | None:
    """The name in the manifest's column `database`; None where there is none. Raises ManifestError for several."""
    if "database" not in manifest.table:
        return None
    names = manifest.table["database"].dropna().unique()
    if len(names) > 1:
        raise ManifestError(
            f"{manifest.name}: pairs lie within one database; it holds {', '.join(map(str, names))}: make one manifest each"
        )
    return str(names[0]) if len(names) else None


def _column(manifest: Manifest, name: str) -> NDArray[np.float64]:
    if name not in manifest.table:
        hint = "; without it, take binary labels" if name == "score_std" else ""
        raise ManifestError(f"{manifest.name}: column {name!r} is missing{hint}")
    values = pd.to_numeric(manifest.table[name]).to_numpy(np.float64)
    if np.isnan(values).any():
        raise ManifestError(f"{manifest.name}: {name} is missing in {int(np.isnan(values).sum())} rows")
    return values
