"""Learning from pairs of pictures: what is drawn of each database, and what a step trains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.pairs import PAIRS_PER_DATABASE, PairStream
from tfiqa.errors import RecipeError
from tfiqa.pipelines.batches import RANKING
from tfiqa.registry import unknown_name
from tfiqa.training.recipe_sections import PairsSection

if TYPE_CHECKING:
    import keras

    from tfiqa.models.quality_model import QualityModel


@dataclass(frozen=True)
class DrawnPairs:
    """The pairs of one database.

    Args:
        database: its name.
        stream: the pairs.
        rows: the place of each of its pictures among those to train on.
    """

    database: str
    stream: PairStream
    rows: NDArray[np.int64]


def drawn_pairs(manifest: Manifest, settings: PairsSection, seed: int) -> tuple[DrawnPairs, ...]:
    """The pairs of each database in the column `database`, as many as the settings say, or all where it has fewer.

    Raises RecipeError for a count of a database that is not there, ManifestError as `PairStream` does.
    """
    databases = manifest.table["database"]
    names = [str(name) for name in databases.unique()]
    for name in settings.counts:
        if name not in names:
            raise RecipeError("pairs.counts: " + unknown_name("database", name, names))
    drawn = []
    for name in names:
        rows = np.flatnonzero(databases == name)
        table = manifest.table.iloc[rows].reset_index(drop=True)
        own = replace(manifest, table=table, path=None)
        wanted = settings.counts.get(name, PAIRS_PER_DATABASE.get(name, settings.count))
        possible = len(rows) * (len(rows) - 1) // 2
        stream = PairStream(own, min(wanted, possible) or None, seed=seed, labels=settings.labels)
        drawn.append(DrawnPairs(name, stream, rows))
    return tuple(drawn)


def pair_trained(model: QualityModel) -> keras.Model:
    """A model of the same layers whose one output `ranking` (N, 2) holds quality and uncertainty (`losses.ranking.PairLoss`)."""
    from keras import layers

    from tfiqa.models.quality_model import quality_model

    both = layers.Concatenate(dtype="float32", name=RANKING)([model.output["quality"], model.output["uncertainty"]])
    return quality_model(model.input, {RANKING: both}, model.info)
