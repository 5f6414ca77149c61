"""Adam with one learning rate for a network's body and another for its head."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras
from keras import ops


class HeadRateAdam(keras.optimizers.Adam):
    """Adam, with decoupled weight decay if wanted, whose steps and decay of some variables are larger or smaller.

    Discriminative fine-tuning (J. Howard, S. Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018) as
    PaQ-2-PiQ uses it. `keras.optimizers.MultiOptimizer` would do it with two optimisers, and take learning rates from neither.

    Args:
        head: paths of the variables with a learning rate of their own.
        factor: their learning rate as a multiple of the others'.
        **settings: Adam's.
    """

    def __init__(self, head: Collection[str], factor: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.head, self.factor = frozenset(head), factor

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Adam's step at the variable's own rate."""
        super().update_step(gradient, variable, learning_rate * self._factor(variable))

    def _apply_weight_decay(self, variables: Any) -> None:
        if self.weight_decay is None:
            return
        for variable in variables:
            rate = ops.cast(self.learning_rate * self._factor(variable) * self.weight_decay, variable.dtype)
            variable.assign(variable - variable * rate)

    def _factor(self, variable: Any) -> float:
        # With TensorFlow it is the backend's own variable, which has no path.
        path = self._trainable_variables[self._get_variable_index(variable)].path
        return self.factor if path in self.head else 1.0
