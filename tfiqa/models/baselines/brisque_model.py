"""A trained BRISQUE: from its features to a score."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.files import whole_file
from tfiqa.models.baselines.array_file import read_arrays
from tfiqa.models.baselines.brisque_features import FEATURES, finite_features
from tfiqa.models.baselines.libsvm_text import read_ranges, read_regression
from tfiqa.models.baselines.natural_scene_statistics import Values
from tfiqa.score_scale import ScoreScale

ARRAYS = ("low", "high", "support", "coefficients", "intercept", "gamma")
PREFIX = "brisque_"  # of the arrays' names in a file
# Of the released regressor, trained on all of LIVE's first release of opinions; its scores go below 0 and above 100.
RELEASED_SCALE = ScoreScale(0.0, 100.0, False, "LIVE DMOS before realignment")
ROWS_AT_ONCE = 1024  # pictures whose distances to the support vectors are in memory


@dataclass(frozen=True, eq=False)
class BrisqueModel:
    """sum_i coefficients_i exp(-gamma |x - support_i|^2) + intercept of features x scaled to -1..1 by their extremes in training.

    Args:
        low: (36,) the features' minima.
        high: (36,) their maxima; a feature that has one value in training does not count.
        support: (M, 36) scaled features of the support vectors.
        coefficients: (M,).
        intercept: added to the sum.
        gamma: of the kernel, above 0.
        scale: what the scores mean.

    Raises:
        InvalidInput: shapes that do not fit, numbers that are not finite, or another gamma.
    """

    low: Values
    high: Values
    support: Values
    coefficients: Values
    intercept: float
    gamma: float
    scale: ScoreScale

    def __post_init__(self) -> None:
        count = self.coefficients.size
        expected = ((FEATURES,), (FEATURES,), (count, FEATURES), (count,), (), ())
        for name, shape in zip(ARRAYS, expected, strict=True):
            values = np.asarray(getattr(self, name))
            if values.shape != shape or not np.isfinite(values).all():
                raise InvalidInput(f"{name} of a BRISQUE model is {shape} finite numbers. Received: {values.shape}")
        if (self.high < self.low).any():
            raise InvalidInput("a feature of the BRISQUE model has its maximum below its minimum")
        if self.gamma <= 0:
            raise InvalidInput(f"gamma of a BRISQUE model is above 0. Received: {self.gamma}")

    def scaled(self, features: Values) -> Values:
        """Features (N, 36) as the kernel takes them: -1..1 for those in training, beyond that for others."""
        width = np.where(self.high > self.low, self.high - self.low, np.inf)
        return 2 * (features - self.low) / width - (width < np.inf)

    def predict(self, features: ArrayLike) -> Values:
        """Scores (N,) of features (N, 36), on `scale` but not bound to it; a row's does not depend on the others.

        Raises:
            InvalidInput: another shape, or features that are not finite.
        """
        scaled = self.scaled(checked_features(features))
        scores = np.empty(len(scaled))
        for start in range(0, len(scaled), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            distances = cdist(scaled[rows], self.support, "sqeuclidean")
            # A product of BLAS would sum in an order that depends on how many rows there are.
            scores[rows] = (np.exp(-self.gamma * distances) * self.coefficients).sum(axis=1) + self.intercept
        return scores

    def score(self, image: NDArray[np.uint8]) -> float:
        """The score of a picture (H, W, 3) RGB or (H, W), uint8.

        Raises:
            InvalidInput: not such a picture, or one with too little texture for the features.
        """
        return float(self.predict(finite_features(image)[None])[0])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model whole or not at all, as NumPy's .npz. Raises StorageError when the system refuses."""
        arrays = {PREFIX + name: np.asarray(getattr(self, name)) for name in ARRAYS}
        arrays[PREFIX + "scale"] = np.array(json.dumps(self.scale.to_dict()))
        with whole_file(path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]  # taken for a keyword of NumPy's own


def load(path: str | os.PathLike[str]) -> BrisqueModel:
    """The model that `BrisqueModel.save` wrote, or the authors' released one.

    Args:
        path: a .npz file, or a text file of LIBSVM with "model" in its name (`allmodel`), beside which the ranges of its features
            have "range" there (`allrange`).

    Raises:
        CheckpointError: a file is missing, damaged or something else.
    """
    path = Path(path)
    try:
        return _saved(path) if path.suffix.lower() == ".npz" else _released(path)
    except CheckpointError:
        raise
    except (InvalidInput, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is no BRISQUE model: {error}") from None


def checked_features(features: ArrayLike) -> Values:
    """Features as float64 (N, 36). Raises InvalidInput for another shape, or features that are not finite."""
    values = np.asarray(features, np.float64)
    if values.ndim != 2 or values.shape[1] != FEATURES:
        raise InvalidInput(f"BRISQUE features are (N, {FEATURES}). Received: {values.shape}")
    bad = int((~np.isfinite(values)).any(axis=1).sum())
    if bad:
        raise InvalidInput(f"BRISQUE features of {bad} of {len(values)} pictures are not finite: they have no texture")
    return values


def _saved(path: Path) -> BrisqueModel:
    *arrays, scale = read_arrays(path, [PREFIX + name for name in (*ARRAYS, "scale")])
    low, high, support, coefficients, intercept, gamma = (array.astype(np.float64) for array in arrays)
    meaning = ScoreScale.from_dict(json.loads(str(scale)))
    return BrisqueModel(low, high, support, coefficients, intercept.item(), gamma.item(), meaning)


def _released(path: Path) -> BrisqueModel:
    if "model" not in path.name:
        raise CheckpointError(f"{path} is neither a .npz file nor a LIBSVM model with 'model' in its name")
    machine = read_regression(path, FEATURES)
    low, high = read_ranges(path.with_name(path.name.replace("model", "range")), FEATURES)
    return BrisqueModel(low, high, machine.support, machine.coefficients, -machine.rho, machine.gamma, RELEASED_SCALE)
