"""Several training targets at once: one loss per output and its weight in the sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tfiqa.errors import InvalidInput
from tfiqa.registry import Registry, unknown_name

if TYPE_CHECKING:
    import keras

Losses = dict[str, "keras.losses.Loss"]
Compiler = Callable[["keras.Model", Sequence[str], Mapping[str, float]], tuple[Losses, dict[str, float]]]
LOSSES: Registry[Compiler] = Registry("loss")
WEIGHT_SUM_TOLERANCE = 1e-6
SCENES = "scene_logits"
VOTES = "distribution"


def compiled_losses(
    model: keras.Model, loss: str, outputs: Sequence[str], weights: Mapping[str, float]
) -> tuple[Losses, dict[str, float]]:
    """The `loss` and `loss_weights` arguments of `keras.Model.compile`.

    Args:
        model: what is trained.
        loss: registered name. "l1": a weighted sum of absolute errors; with the outputs quality and generic_quality SPAQ's
            equation 3, with quality and attributes its equation 4 (Fang et al., CVPR 2020), ``beta_1 |q - q^| + beta_2 / 5
            sum_j |r_j - r^_j|``, averaged over the batch. "mse": a weighted sum of squared errors, DeepFL-IQA's equation 3 (Lin
            et al., 2020), where all weights are equal. "uncertainty": SPAQ's equation 8, for quality and scene_logits. "emd":
            NIMA's, of the distribution alone (`losses.distributions.EMD`); its mean's squared error is told but teaches
            nothing. "l1_scenes": DCNNS's, ``L_q + alpha L_s`` (Huang and Wu, 2020, section 3.3): the absolute error of quality,
            or the mean of those of several aspects, and alpha times the cross-entropy of scene_logits.
        outputs: the model's trained outputs.
        weights: weight of each output, see `check_loss`.
    """
    return LOSSES.get(loss).value(model, outputs, weights)


def check_loss(loss: str, outputs: Sequence[str], weights: Mapping[str, float]) -> None:
    """Raises UnknownName or InvalidInput unless a loss suits the outputs and the weights fit: for "l1" and "mse" see
    `task_weights`, where those of "mse" may be left out; "l1_scenes" has alpha alone, that of scene_logits, which is 1 unless
    given; "uncertainty" and "emd" have none to choose."""
    LOSSES.get(loss)
    if loss == "l1_scenes":
        _alpha_weights(outputs, weights)
        return
    if loss in ("l1", "mse"):
        if SCENES in outputs:
            raise InvalidInput(
                f"loss {loss} is not for classes (scene_logits); take loss.name=uncertainty or l1_scenes"
            )
        if VOTES in outputs:
            raise InvalidInput(f"loss {loss} is not for a distribution of votes; take loss.name=emd")
        task_weights(outputs, weights or (_equal(outputs) if loss == "mse" else {}))
        return
    other = {"uncertainty": SCENES, "emd": VOTES}[loss]
    if set(outputs) != {"quality", other}:
        raise InvalidInput(f"loss {loss} is for quality and {other}. The model has {', '.join(outputs)}")
    if weights:
        reason = "learns its weights" if loss == "uncertainty" else "is of one output"
        raise InvalidInput(f"loss {loss} {reason}; loss.weights must be empty. Received: {dict(weights)}")


@LOSSES.register("l1")
def _l1(model: keras.Model, outputs: Sequence[str], weights: Mapping[str, float]) -> tuple[Losses, dict[str, float]]:
    from tfiqa.losses.regression import L1

    return {name: L1() for name in outputs}, task_weights(outputs, weights)


@LOSSES.register("mse")
def _mse(model: keras.Model, outputs: Sequence[str], weights: Mapping[str, float]) -> tuple[Losses, dict[str, float]]:
    from tfiqa.losses.regression import MSE

    return {name: MSE() for name in outputs}, task_weights(outputs, weights or _equal(outputs))


@LOSSES.register("uncertainty")
def _uncertainty(
    model: keras.Model, outputs: Sequence[str], weights: Mapping[str, float]
) -> tuple[Losses, dict[str, float]]:
    from tfiqa.losses.uncertainty import uncertainty_losses

    return uncertainty_losses(model), dict.fromkeys(outputs, 1.0)


@LOSSES.register("emd")
def _emd(model: keras.Model, outputs: Sequence[str], weights: Mapping[str, float]) -> tuple[Losses, dict[str, float]]:
    from tfiqa.losses.distributions import EMD
    from tfiqa.losses.regression import MSE

    return {"quality": MSE(), VOTES: EMD()}, {"quality": 0.0, VOTES: 1.0}


@LOSSES.register("l1_scenes")
def _l1_scenes(
    model: keras.Model, outputs: Sequence[str], weights: Mapping[str, float]
) -> tuple[Losses, dict[str, float]]:
    import keras

    from tfiqa.losses.regression import L1

    scenes = keras.losses.CategoricalCrossentropy(from_logits=True)
    return {name: scenes if name == SCENES else L1() for name in outputs}, _alpha_weights(outputs, weights)


def _alpha_weights(outputs: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    if SCENES not in outputs or len(outputs) < 2:
        raise InvalidInput(f"loss l1_scenes is for quality and {SCENES}. The model has {', '.join(outputs)}; take l1")
    alpha = dict(weights).pop(SCENES, 1.0)
    if not set(weights) <= {SCENES} or not alpha >= 0:
        raise InvalidInput(f"loss l1_scenes has one weight, {SCENES}, of at least 0. Received: {dict(weights)}")
    others = len(outputs) - 1
    return {name: float(alpha) if name == SCENES else 1 / others for name in outputs}


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


def _equal(outputs: Sequence[str]) -> dict[str, float]:
    return dict.fromkeys(outputs, 1 / len(outputs))
