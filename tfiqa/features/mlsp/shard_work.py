"""The unit of work: some pictures, whose features become one shard."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tfiqa.features.mlsp.content import MlspContent
from tfiqa.features.mlsp.settings import MlspSettings
from tfiqa.features.shards import ShardWork
from tfiqa.pipelines.records.packed_picture import Source
from tfiqa.pipelines.records.schema import Feature

PARTS = ("decode", "network", "write")  # of the time that it takes


@dataclass(frozen=True, eq=False)
class MlspWork(ShardWork):
    """What one shard needs.

    Args:
        folder, number, file, first_row: see `ShardWork`.
        sources: the pictures.
        table: their rows.
        features: of a record.
        content: what is stored.
        settings: how it is computed.
    """

    sources: tuple[Source, ...]
    table: pd.DataFrame
    features: tuple[Feature, ...]
    content: MlspContent
    settings: MlspSettings

    def __len__(self) -> int:
        """Records, when nothing fails."""
        return len(self.sources)
