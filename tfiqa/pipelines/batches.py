"""Which pictures the batches of an epoch hold, and what they should be predicted as."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tfiqa.databases.pairs import PairStream, mixed_blocks
from tfiqa.pipelines.random_words import random_words

Targets = Mapping[str, NDArray[np.float32]]
ORDER_STREAM = 1  # of `random_words`
RANKING = "ranking"  # the target of pairs; see `losses.ranking.PairLoss`


@dataclass(frozen=True)
class Batch:
    """N pictures.

    Args:
        rows: their places among the sources, (N,); a picture may come more than once.
        targets: for each trained output float32 (N, columns).
        inputs: what the model takes beside them, float32 (N, ...) each; of boxes in pixels of the images, which move with them.
    """

    rows: NDArray[np.int64]
    targets: Targets
    inputs: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


class Batches(Protocol):
    """The batches of a run: a pure function of the epoch, so that a resumed run sees what the uninterrupted one would have."""

    @property
    def crops(self) -> int:
        """Crops in an epoch."""

    @property
    def steps(self) -> int:
        """Batches in an epoch, the last and smaller one included."""

    @property
    def widths(self) -> Mapping[str, int | None]:
        """Columns of each target; None where that is another in each batch."""

    @property
    def inputs(self) -> Mapping[str, tuple[int | None, ...]]:
        """The shape of each of a batch's inputs for one picture."""

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Those of one epoch, counted from 0."""


class PictureBatches:
    """Every picture as often as asked for, in a random order that is new in each epoch.

    Args:
        targets: for each trained output float32 (pictures, columns).
        crops_per_picture: how often each picture comes in an epoch.
        batch_size: crops in a batch; batches do not straddle epochs.
        seed: of the orders.
    """

    def __init__(self, targets: Targets, crops_per_picture: int, batch_size: int, seed: int) -> None:
        self.targets, self.batch_size, self.seed = targets, batch_size, seed
        self.crops_per_picture = crops_per_picture
        self.crops = len(next(iter(targets.values()))) * crops_per_picture
        self.steps = math.ceil(self.crops / batch_size)
        self.widths = {name: values.shape[1] for name, values in targets.items()}
        self.inputs: dict[str, tuple[int | None, ...]] = {}

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        words = random_words(self.seed, epoch, ORDER_STREAM, self.crops)
        order = np.argsort(words, kind="stable") // self.crops_per_picture
        for start in range(0, self.crops, self.batch_size):
            rows = order[start : start + self.batch_size]
            yield Batch(rows, {name: values[rows] for name, values in self.targets.items()})


class PairBatches:
    """Pairs of pictures of several databases, mixed, in an order that is new in each epoch; the pairs stay the same.

    Rows 2i and 2i + 1 of a batch are a pair; the target `ranking` (2P, 2) holds, in both, the probability that the first looks
    better and the order of their true deviations (`databases.pairs.PairBlock`).

    Args:
        streams: the pairs of each database.
        rows: for each stream, the place of its manifest's pictures among the sources.
        batch_size: pairs in a batch; batches do not straddle epochs.
        seed: of the orders.
    """

    def __init__(
        self, streams: Sequence[PairStream], rows: Sequence[NDArray[np.int64]], batch_size: int, seed: int
    ) -> None:
        self.streams, self.rows, self.batch_size, self.seed = streams, rows, batch_size, seed
        pairs = sum(map(len, streams))
        self.crops = 2 * pairs
        self.steps = math.ceil(pairs / batch_size)
        self.widths = {RANKING: 2}
        self.inputs: dict[str, tuple[int | None, ...]] = {}

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        for blocks in mixed_blocks(self.streams, seed=(self.seed << 32) + epoch, size=self.batch_size):
            rows = [
                np.stack([self.rows[stream][block.first], self.rows[stream][block.second]], axis=1).ravel()
                for stream, block in blocks.items()
            ]
            truth = [np.stack([block.probability, block.std_order], axis=1) for block in blocks.values()]
            ranking = np.repeat(np.concatenate(truth), 2, axis=0).astype(np.float32)
            yield Batch(np.concatenate(rows), {RANKING: ranking})
