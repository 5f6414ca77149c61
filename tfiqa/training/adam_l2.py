"""Adam with weight decay as PyTorch's Adam has it."""

from __future__ import annotations

from typing import Any

import keras


class AdamL2(keras.optimizers.Adam):
    """Adam that adds `l2` times each weight to its gradient, so that the decay goes through Adam's moments (AdamW's does not).

    Args:
        l2: PyTorch's `weight_decay`; it holds for every trained weight, offsets and normalisation included.
        **settings: Adam's.
    """

    def __init__(self, l2: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.l2 = l2

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Adam's step on the gradient with the decay in it."""
        decay = keras.ops.cast(keras.ops.convert_to_tensor(variable), gradient.dtype) * self.l2
        super().update_step(gradient + decay, variable, learning_rate)
