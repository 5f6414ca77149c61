"""What a run's outputs are trained to be: a manifest's columns as numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import ManifestError
from tfiqa.losses.multitask import VOTES
from tfiqa.training.recipe import Recipe

SHOWN_ROWS = 3
# Outputs whose targets are shares of labels (1/k each, or 1 each and divided here) or of votes (or counts of them).
DISTRIBUTIONS = {"scene_logits", VOTES}


def targets_of(manifest: Manifest, targets: Mapping[str, tuple[str, ...]]) -> dict[str, NDArray[np.float32]]:
    """For each trained output the target columns, float32 (N, columns); rows of `DISTRIBUTIONS` sum to 1."""
    values = {name: manifest.table[list(columns)].to_numpy(np.float64) for name, columns in targets.items()}
    for name in DISTRIBUTIONS & targets.keys():
        values[name] = values[name] / values[name].sum(axis=1, keepdims=True)
    return {name: each.astype(np.float32) for name, each in values.items()}


def check_distributions(manifest: Manifest, recipe: Recipe) -> None:
    """Raises ManifestError where a row of labels has a negative one, or none at all, and where scores are not the means of votes
    from the recipe's `low` to its `high`, so that the model would tell scores of another scale than the manifest's."""
    targets = recipe.spec.targets
    for name in DISTRIBUTIONS & targets.keys():
        if targets[name] == recipe.clustered_columns:
            continue  # made when the pictures are read
        labels = manifest.table[list(targets[name])].to_numpy(np.float64)
        bad = np.flatnonzero((labels < 0).any(axis=1) | ~(labels > 0).any(axis=1))
        if len(bad):
            first = ", ".join(str(row + 2) for row in bad[:SHOWN_ROWS])  # as a spreadsheet numbers them
            raise ManifestError(
                f"{manifest.name}: {len(bad)} of {len(labels)} pictures have no label or a negative one among "
                f"{targets[name][0]} ... {targets[name][-1]} (row {first}{' ...' if len(bad) > SHOWN_ROWS else ''})"
            )
    if VOTES in targets:
        _check_means(manifest, recipe)


def _check_means(manifest: Manifest, recipe: Recipe) -> None:
    options = recipe.spec.parse_options(recipe.model.name, recipe.model.options)
    low, high = options.low, options.high
    shares = targets_of(manifest, recipe.spec.targets)[VOTES]
    off = np.abs(shares @ np.linspace(low, high, shares.shape[1]) - manifest.table["score"].to_numpy(np.float64))
    half_a_bin = (high - low) / (shares.shape[1] - 1) / 2  # rounded scores and votes cannot be as far off
    if off.mean() > half_a_bin:
        raise ManifestError(
            f"{manifest.name}: scores are {off.mean():.3g} off the means of the votes for {low:g} to {high:g}; "
            "model.options.low and model.options.high are the scores that the first and the last bin stand for"
        )
