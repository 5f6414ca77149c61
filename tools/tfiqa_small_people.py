"""The kernel regression of `tfiqa_small` that says what people would say, and how far off that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel
from tfiqa_small_data import Array, Features, Indices, folds
from tfiqa_small_kernels import PENALTY, Places, Regression, feature_sets, fit_coefficients, fit_places

from tfiqa.models.tfiqa_small import PEOPLE_GAMMA

TONES_SHARE = 0.15  # of the brightnesses in the squared distance, that of the rest being 1
REDUCED_WEIGHT = 0.5  # of a smaller copy of a photograph
FOLDS = 5
SPREAD_PENALTY = 30.0  # of deviations
LEAST_ERROR = 0.01


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

    def groups_away(self, rows: Indices) -> set[Any]:
        """The groups that none of the rows is of."""
        return set(self.groups) - set(self.groups[rows])


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
    places = fit_places(full, feature_sets(full, TONES_SHARE), components)
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


def _spread(places: Array, centres: Array, errors: Array, gamma: float) -> tuple[Array, float]:
    """The logarithm of the errors' deviation as a smooth function; its offset makes the mean square of errors / deviation 1."""
    coefficients, _ = fit_coefficients(
        places, centres, np.log(np.abs(errors) + LEAST_ERROR), gamma=gamma, penalty=SPREAD_PENALTY
    )
    found = rbf_kernel(places, centres, gamma) @ coefficients
    return coefficients, float(0.5 * np.log(np.mean(np.square(errors) * np.exp(-2 * found))))
