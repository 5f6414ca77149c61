"""What every kind of head does on one split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating]  # (N, V, F): pictures, views, features
Values = NDArray[np.float64]
Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Fit:
    """The outcome of a training.

    Args:
        epoch: the best, counted from 1; None without epochs, or where none had a finite loss.
        validation_loss: mean square error on the validation pictures; infinite where there is none.
        weights: of a network, as `keras.Model.get_weights` gives them.
    """

    epoch: int | None
    validation_loss: float
    weights: tuple[NDArray[np.float32], ...] = ()


class Head(Protocol):
    """A head on the training and validation pictures of one split."""

    def fit(self, setting: Mapping[str, float]) -> Fit:
        """Trains from the beginning with one of `HeadRecipe.settings`."""
        ...

    def predict(self, rows: Rows) -> Values:
        """Scores (n,) of some of the pictures that the split is of, after `fit`."""
        ...

    def predict_others(self, features: Features) -> Values:
        """Scores (M,) of other pictures, after `fit`."""
        ...
