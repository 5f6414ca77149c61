"""The kernel regression of `tfiqa_small`: how it is fitted, and what its layer holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel
from tfiqa_small_data import Array, moments

from tfiqa.models.layers.clipped_standardization import CLIP
from tfiqa.models.layers.tone_histogram import TONES  # the last features

PENALTY = 0.1  # of scores


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
        clipped = standardised(features, self.mean, self.deviation)
        found: Array = (self.weight * clipped - self.origin) @ self.projection
        return found


def standardised(features: NDArray[Any], mean: NDArray[Any], deviation: NDArray[Any]) -> NDArray[Any]:
    """As the layer `ClippedStandardization` has them."""
    return np.clip((features - mean) / deviation, -CLIP, CLIP)


def fit_places(features: NDArray[Any], sets: dict[str, tuple[int, float]], components: int) -> Places:
    """Standardises features on the given pictures and takes principal components.

    Args:
        features: (N, D), what to fit on.
        sets: the sets of features, in order: how many, and the share of the squared distance that each set gets.
        components: how many principal components are kept, at most N.
    """
    mean, deviation = moments(features)
    total = sum(share for _, share in sets.values())
    weight = np.concatenate([np.full(count, np.sqrt(share / total / count)) for count, share in sets.values()])
    weighted = weight * standardised(features, mean, deviation)
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
) -> tuple[Array, float]:
    """Regularised least squares by kernels around given centres (the subset of regressors).

    Args:
        places: (N, P) of the pictures to fit on.
        centres: (M, P).
        targets: (N,).
        gamma: of the kernels.
        penalty: on the squared norm of the function.
        weights: of the pictures, (N,); by default 1 each.

    Returns:
        The coefficients (M,) and the offset.
    """
    weight = np.ones(len(targets)) if weights is None else weights
    offset = float(np.average(targets, weights=weight))
    answers = rbf_kernel(places, centres, gamma)
    weighted = (answers * weight[:, None]).T
    system = weighted @ answers + penalty * rbf_kernel(centres, centres, gamma)
    wanted = weighted @ (targets - offset)
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
        return [*vectors, self.centres, np.square(self.centres).sum(1), self.coefficients, self.offsets]
