"""The kernel regressions of `tfiqa_small`: people's scores, damage, which of the two counts, and how far off they are."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from measure_artificial import severity
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel
from tfiqa_small_data import Features, Indices, folds

from tfiqa.distortions import DISTORTIONS, NUMBERS
from tfiqa.models.layers.kernel_regression import CLIP
from tfiqa.models.layers.tone_histogram import TONES  # the last features
from tfiqa.models.tfiqa_small import DAMAGE_GAMMA, PEOPLE_GAMMA, PEOPLE_SHARE, RANGE

Array = NDArray[np.float64]
PEOPLE_TONES, DAMAGE_TONES = 0.15, 0.3  # share of the brightnesses in the squared distance, that of the rest being 1
REDUCED_WEIGHT = 0.5  # of a smaller copy of a photograph
PRISTINE_WEIGHT = 5.0  # of a pristine picture beside a distorted one
PHOTOGRAPH_CENTRES, PRISTINE_CENTRES = 900, 300  # of the regression of damage; the others are distorted pictures
PAIR_WEIGHT = 6.0  # of the difference between a distorted picture and the next stronger one
LEAST_STEP = 0.05  # between these
FOLDS = 5
PENALTY, KIND_PENALTY, SPREAD_PENALTY = 0.1, 1.0, 30.0  # of scores, of the kind of picture, of deviations
LEAST_ERROR = 0.01
UNHARMED = 0.9985  # VSI above which nobody sees a difference
QUANTILES = (0.005, 0.995)  # beyond which a feature does not count for its mean and deviation
LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Photographs:
    """Photographs with people's scores.

    Args:
        full, reduced: features (N, D) of the pictures and of smaller copies.
        scores: 0..1, (N,).
        groups: of near-duplicates, (N,).
    """

    full: Features
    reduced: Features
    scores: Array
    groups: NDArray[np.object_]


@dataclass(frozen=True)
class Pairs:
    """Rows of pictures, each beside the next stronger distortion of the same kind."""

    better: Indices
    worse: Indices


@dataclass(frozen=True)
class Distorted:
    """Distorted pictures.

    Args:
        features: (N, D).
        intact: rank of their VSI among them, 0..1.
        unharmed: whether VSI is as good as 1.
        contents: what each was made of.
        pairs: as there said.
        pristine: features of what they were made of, at several sizes.
    """

    features: Features
    intact: Array
    unharmed: NDArray[np.bool_]
    contents: NDArray[np.object_]
    pairs: Pairs
    pristine: Features


def distorted_set(features: Features, table: pd.DataFrame, pristine: Features) -> Distorted:
    """Of rows with reference, distortion, level and vsi, and the features of pristine pictures."""
    vsi = table["vsi"].to_numpy(np.float64)
    better, worse = [], []
    for _, rows in table.reset_index(drop=True).groupby(["reference", "distortion"]):
        kind = DISTORTIONS[NUMBERS[rows["distortion"].iloc[0]] - 1]
        order = rows["level"].map(lambda level, kind=kind: severity(kind, level)).sort_values(kind="stable")
        for one, other in itertools.pairwise(order.index):
            if order[one] < order[other]:
                better.append(one)
                worse.append(other)
    return Distorted(
        features,
        np.searchsorted(np.sort(vsi), vsi) / len(vsi),
        vsi > UNHARMED,
        table["reference"].to_numpy(object),
        Pairs(np.array(better, np.intp), np.array(worse, np.intp)),
        pristine,
    )


def feature_sets(features: NDArray[Any], tones: float) -> dict[str, tuple[int, float]]:
    """Sizes and shares of the two sets of features."""
    return {"log_covariance": (features.shape[1] - TONES, 1.0), "tones": (TONES, tones)}


@dataclass(frozen=True)
class Places:
    """From features to the vectors that kernels compare, as `KernelRegression` computes them.

    Args:
        mean, deviation, weight, origin: (D,).
        projection: (D, components).
    """

    mean: Array
    deviation: Array
    weight: Array
    origin: Array
    projection: Array

    def __call__(self, features: NDArray[Any]) -> Array:
        """(N, D) to (N, components)."""
        clipped = np.clip((features - self.mean) / self.deviation, -CLIP, CLIP)
        found: Array = (self.weight * clipped - self.origin) @ self.projection
        return found


def fit_places(features: NDArray[Any], sets: dict[str, tuple[int, float]], components: int) -> Places:
    """Standardises features on the given pictures and takes principal components.

    Args:
        features: (N, D), what to fit on.
        sets: the sets of features, in order: how many, and the share of the squared distance that each set gets.
        components: how many principal components are kept, at most N.
    """
    low, high = np.quantile(features, QUANTILES, axis=0)
    inside = np.clip(features, low, high)
    mean, deviation = inside.mean(0), inside.std(0) + LEAST_DEVIATION
    total = sum(share for _, share in sets.values())
    weight = np.concatenate([np.full(count, np.sqrt(share / total / count)) for count, share in sets.values()])
    weighted = weight * np.clip((features - mean) / deviation, -CLIP, CLIP)
    origin = weighted.mean(0)
    _, _, axes = np.linalg.svd(weighted - origin, full_matrices=False)
    return Places(mean, deviation, weight, origin, axes[:components].T)


def fit_coefficients(
    places: Array,
    centres: Array,
    targets: Array,
    *,
    gamma: float,
    penalty: float,
    weights: Array | None = None,
    pairs: Pairs | None = None,
) -> tuple[Array, float]:
    """Regularised least squares by kernels around given centres (the subset of regressors).

    Args:
        places: (N, P) of the pictures to fit on.
        centres: (M, P).
        targets: (N,).
        gamma: of the kernels.
        penalty: on the squared norm of the function.
        weights: of the pictures, (N,); by default 1 each.
        pairs: differences between pictures that are to be met besides.

    Returns:
        The coefficients (M,) and the offset.
    """
    weight = np.ones(len(targets)) if weights is None else weights
    offset = float(np.average(targets, weights=weight))
    answers = rbf_kernel(places, centres, gamma)
    weighted = (answers * weight[:, None]).T
    system = weighted @ answers + penalty * rbf_kernel(centres, centres, gamma)
    wanted = weighted @ (targets - offset)
    if pairs is not None:
        apart = answers[pairs.better] - answers[pairs.worse]
        system += PAIR_WEIGHT * apart.T @ apart
        wanted += PAIR_WEIGHT * apart.T @ np.maximum(targets[pairs.better] - targets[pairs.worse], LEAST_STEP)
    system.flat[:: len(system) + 1] += 1e-7 * np.trace(system) / len(system)
    coefficients = np.asarray(np.linalg.solve(system, wanted), np.float64)
    return coefficients, offset


@dataclass(frozen=True)
class Regression:
    """What a `KernelRegression` layer holds.

    Args:
        places: from features to the vectors that are compared.
        centres: (M, components).
        coefficients: (M, outputs).
        offsets: (outputs,).
        gamma: of the kernels.
    """

    places: Places
    centres: Array
    coefficients: Array
    offsets: Array
    gamma: float

    def __call__(self, features: NDArray[Any]) -> Array:
        """(N, D) to (N, outputs)."""
        found: Array = self.offsets + rbf_kernel(self.places(features), self.centres, self.gamma) @ self.coefficients
        return found

    def weights(self) -> list[Array]:
        """In the order of the layer's weights."""
        places = self.places
        vectors = [places.mean, places.deviation, places.weight, places.origin, places.projection]
        return [*vectors, self.centres, self.coefficients, self.offsets]


def fit_people(photographs: Photographs, rows: Indices, components: int) -> Regression:
    """People's score (0..1) of a photograph, and the logarithm of how far off that is, by the photographs of `rows`."""
    errors = np.zeros(len(rows))
    for fold in folds(photographs.groups[rows], FOLDS):
        train, test = rows[fold.train], rows[fold.test]
        places, centres, coefficients, offset = _scores(photographs, train, components)
        found = rbf_kernel(places(photographs.full[test]), centres, PEOPLE_GAMMA) @ coefficients + offset
        errors[fold.test] = photographs.scores[test] - found
    places, centres, coefficients, offset = _scores(photographs, rows, components)
    spread, spread_offset = _spread(places(photographs.full[rows]), centres, errors, PEOPLE_GAMMA)
    return Regression(
        places, centres, np.stack([coefficients, spread], 1), np.array([offset, spread_offset]), PEOPLE_GAMMA
    )


def _scores(photographs: Photographs, rows: Indices, components: int) -> tuple[Places, Array, Array, float]:
    full, reduced = photographs.full[rows], photographs.reduced[rows]
    places = fit_places(full, feature_sets(full, PEOPLE_TONES), components)
    centres = np.concatenate([places(full), places(reduced)])
    coefficients, offset = fit_coefficients(
        centres,
        centres,
        np.tile(photographs.scores[rows], 2),
        gamma=PEOPLE_GAMMA,
        penalty=PENALTY,
        weights=np.repeat([1.0, REDUCED_WEIGHT], len(rows)),
    )
    return places, centres, coefficients, offset


def fit_damage(
    photographs: Photographs, rows: Indices, distorted: Distorted, components: int, count: int
) -> Regression:
    """How intact VSI would call a picture (its rank, 0..1), whether it is as photographed (-1..1), and the logarithm of how far
    off the score of a distorted picture is; by the photographs of `rows`, all distorted and all pristine pictures.

    Args:
        count: how many centres.
    """
    rng = np.random.default_rng(0)
    seen = np.concatenate([distorted.features[::3], distorted.pristine])
    places = fit_places(seen, feature_sets(seen, DAMAGE_TONES), components)
    photographed = places(np.concatenate([photographs.full[rows], photographs.reduced[rows]]))
    pristine = places(distorted.pristine)
    damaged = places(distorted.features)

    def some(of: Array, number: int) -> Array:
        return of[rng.choice(len(of), min(number, len(of)), replace=False)]

    kept = np.concatenate([some(photographed, PHOTOGRAPH_CENTRES), some(pristine, PRISTINE_CENTRES)])
    centres = np.concatenate([kept, some(damaged, count - len(kept))])
    intact, intact_offset = fit_coefficients(
        np.concatenate([damaged, pristine]),
        centres,
        np.concatenate([distorted.intact, np.ones(len(pristine))]),
        gamma=DAMAGE_GAMMA,
        penalty=PENALTY,
        weights=np.repeat([1.0, PRISTINE_WEIGHT], [len(damaged), len(pristine)]),
        pairs=distorted.pairs,
    )
    natural = np.concatenate([photographed, pristine])
    kind = np.repeat([1.0, -1.0], [len(natural), len(damaged)])
    # Pictures that VSI cannot tell from the pristine ones count for neither kind.
    shares = np.repeat([len(damaged) / len(natural) / 2, 1.0], [len(natural), len(damaged)])
    shares[len(natural) :][distorted.unharmed] = 0
    natural_or_not, kind_offset = fit_coefficients(
        np.concatenate([natural, damaged]), centres, kind, gamma=DAMAGE_GAMMA, penalty=KIND_PENALTY, weights=shares
    )
    spread, spread_offset = _spread(damaged, centres, _held_out_errors(damaged, distorted, count), DAMAGE_GAMMA)
    return Regression(
        places,
        centres,
        np.stack([intact, natural_or_not, spread], 1),
        np.array([intact_offset, kind_offset, spread_offset]),
        DAMAGE_GAMMA,
    )


def _held_out_errors(damaged: Array, distorted: Distorted, count: int) -> Array:
    """How far the score of each distorted picture is off (0..1), found without any picture of its content."""
    errors = np.zeros(len(damaged))
    rng = np.random.default_rng(1)
    for fold in folds(distorted.contents, 2):
        centres = damaged[rng.choice(fold.train, min(count // 2, len(fold.train)), replace=False)]
        coefficients, offset = fit_coefficients(
            damaged[fold.train], centres, distorted.intact[fold.train], gamma=DAMAGE_GAMMA, penalty=PENALTY
        )
        found = rbf_kernel(damaged[fold.test], centres, DAMAGE_GAMMA) @ coefficients + offset
        errors[fold.test] = distorted.intact[fold.test] - found
    return (1 - PEOPLE_SHARE) * RANGE * errors


def _spread(places: Array, centres: Array, errors: Array, gamma: float) -> tuple[Array, float]:
    """The logarithm of the errors' deviation as a smooth function; its offset makes the mean square of errors / deviation 1."""
    coefficients, _ = fit_coefficients(
        places, centres, np.log(np.abs(errors) + LEAST_ERROR), gamma=gamma, penalty=SPREAD_PENALTY
    )
    found = rbf_kernel(places, centres, gamma) @ coefficients
    return coefficients, float(0.5 * np.log(np.mean(np.square(errors) * np.exp(-2 * found))))
