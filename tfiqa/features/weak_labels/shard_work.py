"""The unit of work: some references, whose labels become one shard."""

from __future__ import annotations

from dataclasses import dataclass

from tfiqa.features.shards import ShardWork
from tfiqa.features.weak_labels.references import Reference
from tfiqa.features.weak_labels.settings import Settings
from tfiqa.features.weak_labels.table import Columns

PARTS = ("decode", "distort", "measure", "encode", "write")  # of the time that it takes


@dataclass(frozen=True)
class LabelWork(ShardWork):
    """What one shard needs.

    Args:
        folder, number, file, first_row: see `ShardWork`.
        references: whose versions it holds.
        settings: how they are made.
        columns: what is written of them.
    """

    references: tuple[Reference, ...]
    settings: Settings
    columns: Columns

    def __len__(self) -> int:
        """Records, when nothing fails."""
        return sum(map(len, self.references))
