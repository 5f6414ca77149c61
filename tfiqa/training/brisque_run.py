"""BRISQUE trained and tested on a manifest's pictures, over one split or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.groups import group_keys
from tfiqa.databases.manifest import Manifest
from tfiqa.databases.splits import repeated_splits, rows_of_split
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.report import EvaluationReport, evaluate_predictions
from tfiqa.models.baselines import brisque
from tfiqa.training.recipe_sections import SplitSection

FIGURES = {"srcc": "SRCC", "krcc": "KRCC", "plcc": "PLCC", "plcc_logistic4": "PLCC after logistic4", "rmse": "RMSE"}
QUARTILES = {"median": 0.5, "lower quartile": 0.25, "upper quartile": 0.75}


@dataclass(frozen=True, eq=False)
class BrisqueRepeat:
    """One split.

    Args:
        seed: of the split, and of the folds within its training and validation pictures.
        setting: what the folds chose.
        model: trained on the training and validation pictures.
        predictions: a row a test picture: image, score, brisque.
        report: their agreement.
    """

    seed: int
    setting: brisque.Setting
    model: brisque.BrisqueModel
    predictions: pd.DataFrame
    report: EvaluationReport

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the predictions."""
        setting = {"cost": self.setting.cost, "gamma": self.setting.gamma, "cross_validation_rmse": self.setting.error}
        return {"seed": self.seed, **setting, **self.report.to_dict()}


def train_brisque(
    manifest: Manifest,
    features: NDArray[np.float64],
    *,
    seed: int = 1,
    repeats: int = 1,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[BrisqueRepeat]:
    """Trains and tests on each split; groups straddle neither splits nor folds.

    Args:
        manifest: with scores. Its column `split` is used; without one, random splits of 70, 10 and 20 %, which are those of
            recipes with the same seed.
        features: (N, 36); rows that are not finite are left out after splitting.
        seed: of the first split; the others take the numbers after it.
        repeats: how many splits.
        workers: threads of the search.
        progress: called with (done, all) settings tried over all splits.

    Raises:
        InvalidInput: several repeats of the manifest's own split; too few pictures to train or test on.
        ManifestError: the manifest cannot be split, or marks no test pictures.
    """
    if "split" not in manifest.table:
        splits = repeated_splits(manifest, SplitSection().fractions(), seed, repeats)
    elif repeats == 1:
        rows_of_split(manifest, "test")
        splits = iter([manifest])
    else:
        raise InvalidInput(f"{manifest.name} has a column 'split'; several repeats need random splits")
    scores = manifest.table["score"].to_numpy(np.float64)
    groups = group_keys(manifest.table, manifest.path).to_numpy(str)
    usable = np.isfinite(features).all(axis=1)
    for repeat, split in enumerate(splits):
        is_test = (split.table["split"] == "test").to_numpy()
        train, test = ~is_test & usable, is_test & usable

        def tell(done: int, total: int, before: int = repeat) -> None:
            if progress:
                progress(before * total + done, repeats * total)

        setting = brisque.search(
            features[train], scores[train], groups=groups[train], seed=seed + repeat, workers=workers, progress=tell
        )
        model = brisque.fit(features[train], scores[train], scale=manifest.scale, setting=setting)
        predictions = model.predict(features[test])
        report = evaluate_predictions(
            predictions, scores[test], prediction_scale=model.scale, score_scale=manifest.scale
        )
        table = split.table.loc[test, ["image", "score"]].assign(brisque=predictions)
        yield BrisqueRepeat(seed + repeat, setting, model, table, report)


def quartiles(repeats: list[BrisqueRepeat]) -> pd.DataFrame:
    """The quartiles of the test figures over splits: a row a figure."""
    figures = pd.DataFrame([repeat.report.values() for repeat in repeats], dtype=float)[list(FIGURES)]
    table = figures.quantile(list(QUARTILES.values())).T
    return table.set_axis(list(QUARTILES), axis="columns").set_axis(list(FIGURES.values()))
