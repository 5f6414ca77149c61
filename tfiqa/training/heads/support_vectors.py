"""Support-vector regression on stored features: one matrix of distances for all that is tried on a split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.training.heads.head import Features, Fit, Rows, Values


class SupportVectors:
    """Regression with the kernel exp(-gamma d^2 / F) on the training pictures of one split.

    A picture's features are the means over its views. Features are standardised by the training pictures, so that distances
    are those of this split alone; those that do not vary there are left out. Scores are standardised likewise.

    Args:
        features: (N, V, F).
        scores: (N,).
        train: rows to train on.
        validation: rows that choose the setting.
    """

    def __init__(self, features: Features, scores: Values, train: Rows, validation: Rows) -> None:
        pictures = _mean_view(features)
        self._mean, deviation = pictures[train].mean(axis=0), pictures[train].std(axis=0)
        self._varies = deviation > 0
        self._deviation = deviation[self._varies]
        self._center = float(scores[train].mean())
        self._size = float(scores[train].std()) or 1.0
        self._scores, self._train, self._validation = scores, train, validation
        self._gamma = 0.0
        self._regressor: Any = None
        standard = self._standard(pictures)
        self._support = standard[train]
        self._distances = _squared_distances(standard, self._support)

    def fit(self, setting: Mapping[str, float]) -> Fit:
        """Trains with a cost, gamma and epsilon as in `recipe.SearchSection`."""
        from sklearn.svm import SVR

        self._gamma = setting["gamma"] / max(1, int(self._varies.sum()))
        self._regressor = SVR(kernel="precomputed", C=setting["cost"], epsilon=setting["epsilon"])
        targets = (self._scores[self._train] - self._center) / self._size
        self._regressor.fit(self._kernel(self._distances[self._train]), targets)
        errors = self.predict(self._validation) - self._scores[self._validation]
        return Fit(None, float(np.mean(errors**2)))

    def predict(self, rows: Rows) -> Values:
        """See `head.Head`."""
        return self._predict(self._distances[rows])

    def predict_others(self, features: Features) -> Values:
        """See `head.Head`."""
        return self._predict(_squared_distances(self._standard(_mean_view(features)), self._support))

    def _predict(self, distances: NDArray[np.float32]) -> Values:
        return self._regressor.predict(self._kernel(distances)) * self._size + self._center

    def _kernel(self, distances: NDArray[np.float32]) -> Values:
        return np.exp(-self._gamma * distances.astype(np.float64))

    def _standard(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        return (pictures[:, self._varies] - self._mean[self._varies]) / self._deviation


def _mean_view(features: Features) -> NDArray[np.float32]:
    return features.mean(axis=1, dtype=np.float32)


def _squared_distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, M) of (N, F) and (M, F)."""
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    return np.maximum(squares - 2 * (a @ b.T), 0)
