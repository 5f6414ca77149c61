"""The regression network of DeepFL-IQA, trained on stored features again and again without being compiled again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from tfiqa.models.deepfl import quality_head
from tfiqa.training.heads.head import Features, Fit, Rows, Values

ROWS_AT_ONCE = 512  # views in one prediction; 35 MB of 16,928 features


class HeadNetwork:
    """`models.deepfl.quality_head` on its own, and its training.

    What a `fit` gives depends on its arguments alone, not on what was trained before.

    Args:
        features: how many the network takes.
        batch_normalization: see `quality_head`.
        batch_size: of training.

    Attributes:
        model: the Keras model (N, features) to (N, 1), with the weights of the last `fit`.
    """

    def __init__(self, features: int, *, batch_normalization: bool, batch_size: int) -> None:
        self._shape = features, batch_normalization
        self._batch_size = batch_size
        self.model = head_model(*self._shape)
        self._variables = list(self.model.variables)  # with dropout's random states; once compiled, also the metrics
        self._optimizer = keras.optimizers.Adam()
        # Compiled by XLA a step took three times as long on a CPU, and every other size of batch would be compiled anew.
        is_tensorflow = keras.backend.backend() == "tensorflow"
        self.model.compile(self._optimizer, loss="mse", jit_compile=False if is_tensorflow else "auto")
        self._optimizer.build(self.model.trainable_variables)

    def fit(
        self,
        features: Features,
        scores: Values,
        train: Rows,
        validation: Rows,
        *,
        epochs: int,
        learning_rate: float,
        seed: int,
    ) -> Fit:
        """Trains from fresh weights, and leaves the model with those of the best epoch.

        Args:
            features: (N, V, F); in every epoch one of the V views of each picture is drawn.
            scores: (N,) on any scale.
            train: rows to train on.
            validation: rows whose mean square error chooses the epoch.
            epochs: how many.
            learning_rate: of Adam.
            seed: of the weights, the order, the views and the dropout.
        """
        self._start(learning_rate, seed)
        random = np.random.default_rng(seed)
        targets = scores.astype(np.float32)[:, None]
        best = Fit(None, np.inf)
        for epoch in range(1, epochs + 1):
            order = random.permutation(train)
            views = random.integers(features.shape[1], size=len(order))
            for batch in _batches(len(order), self._batch_size):
                rows = order[batch]
                self.model.train_on_batch(features[rows, views[batch]].astype(np.float32), targets[rows])
            loss = float(np.mean((self.predict(features, validation) - scores[validation]) ** 2))
            if not np.isfinite(loss):
                break  # weights that are not finite never become so again
            if loss < best.validation_loss:
                best = Fit(epoch, loss, tuple(self.model.get_weights()))
        if best.weights:
            self.model.set_weights(list(best.weights))
        return best

    def predict(self, features: Features, rows: Rows | None = None) -> Values:
        """Scores (n,) of pictures, the means over their views.

        Args:
            features: (N, V, F).
            rows: which; None for all.
        """
        places = np.arange(len(features)) if rows is None else rows
        step = max(1, ROWS_AT_ONCE // features.shape[1])
        found = []
        for start in range(0, len(places), step):
            some = features[places[start : start + step]]
            scores = self.model.predict_on_batch(some.reshape(-1, some.shape[-1]).astype(np.float32))
            found.append(np.reshape(scores, some.shape[:2]).mean(axis=1, dtype=np.float64))
        return np.concatenate(found)

    def _start(self, learning_rate: float, seed: int) -> None:
        keras.utils.set_random_seed(seed)
        for variable, fresh in zip(self._variables, head_model(*self._shape).variables, strict=True):
            variable.assign(fresh)
        for variable in self._optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self._optimizer.learning_rate = learning_rate


@dataclass(frozen=True)
class NetworkHead:
    """A `HeadNetwork` as a `head.Head`; the arguments are those of `HeadNetwork.fit`."""

    network: HeadNetwork
    features: Features
    scores: Values
    train: Rows
    validation: Rows
    epochs: int
    seed: int

    def fit(self, setting: Mapping[str, float]) -> Fit:
        """See `HeadNetwork.fit`."""
        return self.network.fit(
            self.features,
            self.scores,
            self.train,
            self.validation,
            epochs=self.epochs,
            learning_rate=setting["learning_rate"],
            seed=self.seed,
        )

    def predict(self, rows: Rows) -> Values:
        """See `head.Head`."""
        return self.network.predict(self.features, rows)

    def predict_others(self, features: Features) -> Values:
        """See `head.Head`."""
        return self.network.predict(features)


def head_model(features: int, batch_normalization: bool) -> keras.Model:
    """The regression network of figure 7 with fresh weights, as a model of its own."""
    inputs = keras.Input((features,), name="mlsp")
    return keras.Model(inputs, quality_head(inputs, batch_normalization), name="quality_head")


def _batches(count: int, size: int) -> list[slice]:
    """Parts of 0 .. count - 1. A rest of one, which has no variance to be normalised by, joins the part before it."""
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], count], strict=True)]
