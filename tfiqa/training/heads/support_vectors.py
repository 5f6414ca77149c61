"""Support-vector regression on stored features: one matrix of distances for all that is tried on a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.training.heads.head import Features, Fit, Rows, Values

ROWS_AT_ONCE = 128  # pictures whose features are in memory beside those trained on
COLUMNS_AT_ONCE = 128  # features whose deviations are computed together


class SupportVectors:
    """Regression with the kernel exp(-gamma d^2 / F) on the training pictures of one split.

    A picture's features are the means over its views. Features are standardised by the training pictures, so that distances
    are those of this split alone; those that do not vary there are left out. Scores are standardised likewise. Memory holds
    the training pictures' features once, as float32, and distances.

    Args:
        features: (N, V, F).
        scores: (N,).
        train: rows to train on.
        validation: rows that choose the setting.
    """

    def __init__(self, features: Features, scores: Values, train: Rows, validation: Rows) -> None:
        support = np.empty((len(train), features.shape[-1]), np.float32)
        for block in _blocks(len(train), ROWS_AT_ONCE):
            support[block] = _mean_view(features[train[block]])
        self._mean, self._deviation = _moments(support)
        for block in _blocks(len(train), ROWS_AT_ONCE):
            support[block] = self._standard(support[block])
        self._support, self._squares = support, _squares(support)
        self._center = float(scores[train].mean())
        self._size = float(scores[train].std()) or 1.0
        self._scores, self._train, self._validation = scores, train, validation
        self._gamma = 0.0
        self._regressor: Any = None
        self._distances = self._squared_distances(features)

    def fit(self, setting: Mapping[str, float]) -> Fit:
        """Trains with a cost, gamma and epsilon as in `recipe.SearchSection`."""
        from sklearn.svm import SVR

        self._gamma = setting["gamma"] / max(1, int(np.isfinite(self._deviation).sum()))
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
        return self._predict(self._squared_distances(features))

    def _predict(self, distances: NDArray[np.float32]) -> Values:
        return self._regressor.predict(self._kernel(distances)) * self._size + self._center

    def _kernel(self, distances: NDArray[np.float32]) -> Values:
        kernel = distances.astype(np.float64)
        kernel *= -self._gamma
        return np.exp(kernel, out=kernel)

    def _standard(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        return (pictures - self._mean) / self._deviation

    def _squared_distances(self, features: Features) -> NDArray[np.float32]:
        """(N, M) of (N, V, F) to the M training pictures."""
        distances = np.empty((len(features), len(self._support)), np.float32)
        for block in _blocks(len(features), ROWS_AT_ONCE):
            pictures = self._standard(_mean_view(features[block]))
            squares = _squares(pictures)[:, None] + self._squares
            distances[block] = np.maximum(squares - 2 * (pictures @ self._support.T), 0)
        return distances


def _mean_view(features: Features) -> NDArray[np.float32]:
    return features.mean(axis=1, dtype=np.float32)


def _moments(pictures: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation (F,) of (N, F). What does not vary has an infinite one, so that it is 0 when standardised.

    In float64, in which equal numbers have exactly their mean.
    """
    mean, deviation = np.empty((2, pictures.shape[1]), np.float32)
    for block in _blocks(pictures.shape[1], COLUMNS_AT_ONCE):
        mean[block] = pictures[:, block].mean(axis=0, dtype=np.float64)
        deviation[block] = pictures[:, block].std(axis=0, dtype=np.float64)
    deviation[deviation == 0] = np.inf
    return mean, deviation


def _squares(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """The squared lengths (N,) of (N, F)."""
    squares = np.empty(len(pictures), np.float32)
    for block in _blocks(len(pictures), ROWS_AT_ONCE):
        squares[block] = np.square(pictures[block]).sum(axis=1)
    return squares


def _blocks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
