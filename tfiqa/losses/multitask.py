"""Several training targets at once: one loss per output and its weight in the sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tfiqa.errors import InvalidInput
from tfiqa.registry import Registry, unknown_name

if TYPE_CHECKING:
    import keras

LOSSES: Registry[Callable[[], keras.losses.Loss]] = Registry("loss")
WEIGHT_SUM_TOLERANCE = 1e-6


@LOSSES.register("l1")
def _l1() -> keras.losses.Loss:
    from tfiqa.losses.regression import L1

    return L1()


def weighted_losses(
    loss: str, outputs: Sequence[str], weights: Mapping[str, float]
) -> tuple[dict[str, keras.losses.Loss], dict[str, float]]:
    """The `loss` and `loss_weights` arguments of `keras.Model.compile` for a naively weighted sum of task losses.

    With "l1" and the outputs quality and attributes this is SPAQ's equation 4 (Fang et al., CVPR 2020),
    ``beta_1 |q - q^| + beta_2 / 5 sum_j |r_j - r^_j|``, averaged over the batch.

    Args:
        loss: registered name.
        outputs: the model's trained outputs.
        weights: weight of each output, see `task_weights`.
    """
    make = LOSSES.get(loss).value
    return {name: make() for name in outputs}, task_weights(outputs, weights)


def task_weights(outputs: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """The weight of each output's loss: non-negative, summing to 1; may be left empty for a single output.

    Raises InvalidInput for weights that do not fit.
    """
    weights = dict(weights) if weights or len(outputs) > 1 else dict.fromkeys(outputs, 1.0)
    for name in weights:
        if name not in outputs:
            raise InvalidInput("loss weight: " + unknown_name("output", name, outputs))
    if set(weights) != set(outputs):
        missing = ", ".join(name for name in outputs if name not in weights)
        raise InvalidInput(f"each output needs a loss weight; missing: {missing}")
    if min(weights.values()) < 0 or abs(sum(weights.values()) - 1) > WEIGHT_SUM_TOLERANCE:
        raise InvalidInput(f"loss weights are non-negative and sum to 1. Received: {weights}")
    return {name: float(weights[name]) for name in outputs}
