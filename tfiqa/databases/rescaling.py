"""Several databases on one scale: each turned so that higher is better, and stretched to 0..100.

W. Zhang et al., "Uncertainty-Aware Blind Image Quality Assessment in the Laboratory and Wild", IEEE TIP 2021, figure 1: DMOS
are negated before the stretching. It makes different databases' scores look alike, not mean the same; within a database
ranks, and the probabilities of equation 1, stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import ManifestError
from tfiqa.score_scale import ScoreScale

HIGHEST = 100.0
RESCALED = ScoreScale(None, None, True, "re-scaled score")  # pictures held out may lie beyond 0..100


@dataclass(frozen=True)
class Rescaling:
    """How one database's scores were stretched.

    Args:
        database: its name in the column `database`.
        source: its manifest.
        scale: of its scores.
        low, high: the oriented scores that became 0 and 100.
    """

    database: str
    source: str
    scale: ScoreScale
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def oriented(manifest: Manifest) -> Manifest:
    """The manifest with scores of which higher is better, on the scale RESCALED; still to be stretched."""
    table = manifest.table.assign(score=manifest.scale.oriented(manifest.table["score"]))
    return replace(manifest, table=table, scale=RESCALED)


def rescale(table: pd.DataFrame, fitted_on: NDArray[np.bool_]) -> tuple[pd.DataFrame, dict[str, tuple[float, float]]]:
    """Stretches the oriented scores of each database to 0..100, and `score_std`, where there is one, by the same factor.

    Args:
        table: with the columns score and database.
        fitted_on: (N,) the rows whose lowest and highest score become 0 and 100.

    Returns:
        The table, and the two scores of each database.

    Raises ManifestError for a database with no such rows, or with equal scores in all of them.
    """
    limits = {}
    table = table.copy()
    for name in table["database"].unique():
        own = (table["database"] == name).to_numpy()
        scores = table["score"][own & fitted_on]
        if scores.nunique() < 2:
            what = f"{len(scores)} pictures of one score" if len(scores) > 1 else f"{len(scores) or 'no'} picture"
            raise ManifestError(f"database {name} has {what} to train on; it takes two that differ")
        low, high = float(scores.min()), float(scores.max())
        table.loc[own, "score"] = (table["score"][own] - low) / (high - low) * HIGHEST
        if "score_std" in table:
            table.loc[own, "score_std"] = table["score_std"][own] / (high - low) * HIGHEST
        limits[str(name)] = low, high
    return table, limits


def database_names(manifests: Sequence[Manifest], sources: Sequence[Path]) -> list[NDArray[np.object_]]:
    """What tells the databases apart: for each manifest the name of each of its rows' database.

    It is that of the column `database`, or else of the source, without an ending; where several manifests have the same one,
    the source's follows it.

    Args:
        manifests: one a source.
        sources: the manifests' files, or packed folders.

    Raises ManifestError when a source is given twice.
    """
    if twice := [source for source, count in Counter(source.resolve() for source in sources).items() if count > 1]:
        raise ManifestError(f"{twice[0]} is given twice")
    labels = _labels(sources)
    names = []
    for manifest, label in zip(manifests, labels, strict=True):
        column = manifest.table["database"] if "database" in manifest.table else pd.Series([None] * len(manifest))
        names.append(column.where(column.notna(), label).astype(object).to_numpy())
    owners = Counter(name for each in names for name in set(each))
    return [
        np.array([name if owners[name] == 1 else f"{name} {label}" for name in each], object)
        for each, label in zip(names, labels, strict=True)
    ]


def _labels(sources: Sequence[Path]) -> list[str]:
    """A name for each source, with as many folders in front as it takes to tell them apart."""
    full = [source.resolve() for source in sources]
    parts = [(path if path.is_dir() else path.with_suffix("")).parts for path in full]
    labels = ["" for _ in parts]
    for place, own in enumerate(parts):
        others = [other for other in parts if other != own]
        depth = next((n for n in range(1, len(own)) if all(own[-n:] != other[-n:] for other in others)), len(own))
        labels[place] = "/".join(own[-depth:])
    return labels
