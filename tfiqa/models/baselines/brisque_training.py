"""Training BRISQUE: support-vector regression whose cost and gamma come from cross-validation."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from tfiqa.errors import InvalidInput
from tfiqa.in_order import map_in_order
from tfiqa.models.baselines.brisque_model import BrisqueModel, checked_features
from tfiqa.models.baselines.natural_scene_statistics import Values
from tfiqa.score_scale import ScoreScale

SCALE = ScoreScale(None, None, True, "score")
FOLDS = 5
# Steps of four about the authors' cost of 1024 and gamma of .05 on LIVE, whose scores deviate by 28: a cost of 37 here.
COSTS = (0.25, 1.0, 4.0, 16.0, 64.0, 256.0)
GAMMAS = (2**-8, 2**-6, 2**-4, 2**-2, 1.0)
EPSILON = 0.1  # half the width of the tube in standard deviations of the scores; LIBSVM's default


@dataclass(frozen=True)
class Setting:
    """What a training needs to know beside the data.

    Args:
        cost: of errors, in standard deviations of the training scores.
        gamma: of the kernel, on features scaled to -1..1.
        error: root mean square error of cross-validation, in units of the scores.
    """

    cost: float
    gamma: float
    error: float = float("nan")


def search(
    features: ArrayLike,
    scores: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    costs: Sequence[float] = COSTS,
    gammas: Sequence[float] = GAMMAS,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Setting:
    """The cost and gamma with the least error of cross-validation; the first of several, by cost, then gamma.

    There are five folds, or as many as groups where those are fewer.

    Args:
        features: (N, 36).
        scores: (N,).
        groups: (N,) what must not straddle a fold; by default every picture is a group.
        seed: of the folds.
        costs, gammas: what is tried.
        workers: threads; by default one for each processor. The result does not depend on them.
        progress: called with (done, all) settings.

    Raises:
        InvalidInput: other shapes, numbers that are not finite, equal scores, or fewer than two pictures or groups.
    """
    from sklearn.model_selection import GroupKFold

    x, y = _checked(features, scores)
    names = np.arange(len(y)) if groups is None else np.asarray(groups).astype(str)
    count = min(FOLDS, len(np.unique(names)))
    if names.shape != y.shape or count < 2:
        raise InvalidInput("cross-validation needs a group for each picture, and two different ones or more")
    folds = list(GroupKFold(count, shuffle=True, random_state=seed).split(x, groups=names))

    def tried(pair: tuple[float, float]) -> Setting:
        setting = Setting(*pair)
        errors = np.empty(len(y))
        for train, held_out in folds:
            errors[held_out] = _trained(x[train], y[train], setting, SCALE).predict(x[held_out]) - y[held_out]
        return Setting(*pair, float(np.sqrt(np.mean(errors**2))))

    pairs = list(product(costs, gammas))
    outcomes: list[Setting] = []
    for outcome in map_in_order(tried, pairs, workers or os.cpu_count() or 1):
        outcomes.append(outcome)
        if progress:
            progress(len(outcomes), len(pairs))
    return min(outcomes, key=lambda outcome: outcome.error)


def fit(
    features: ArrayLike,
    scores: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    scale: ScoreScale = SCALE,
    setting: Setting | None = None,
    seed: int = 0,
) -> BrisqueModel:
    """Trains a model.

    Args:
        features: (N, 36), see `brisque_features`.
        scores: (N,), on `scale`.
        groups: for `search`.
        scale: what the scores mean.
        setting: by default what `search` finds.
        seed: for `search`.

    Raises:
        InvalidInput: as `search`.
    """
    x, y = _checked(features, scores)
    return _trained(x, y, setting or search(x, y, groups=groups, seed=seed), scale)


def _trained(x: Values, y: Values, setting: Setting, scale: ScoreScale) -> BrisqueModel:
    from sklearn.svm import SVR

    center, size = float(y.mean()), float(y.std()) or 1.0
    empty = BrisqueModel(x.min(0), x.max(0), x[:0], y[:0], center, setting.gamma, scale)
    machine = SVR(kernel="rbf", C=setting.cost, gamma=setting.gamma, epsilon=EPSILON)
    machine.fit(empty.scaled(x), (y - center) / size)
    return BrisqueModel(
        empty.low,
        empty.high,
        machine.support_vectors_,
        machine.dual_coef_[0] * size,
        float(machine.intercept_[0]) * size + center,
        empty.gamma,
        scale,
    )


def _checked(features: ArrayLike, scores: ArrayLike) -> tuple[Values, Values]:
    x, y = checked_features(features), np.asarray(scores, np.float64)
    if y.shape != (len(x),) or not np.isfinite(y).all():
        raise InvalidInput(f"{len(x)} pictures need as many finite scores. Received: {y.shape}")
    if len(y) < 2:
        raise InvalidInput(f"BRISQUE learns from two pictures or more. Received: {len(y)}")
    if (y == y[0]).all():
        raise InvalidInput("there is nothing to learn: all scores are equal")
    return x, y
