"""Losses of pairs of pictures, for learning to rank: which of two looks better, and how sure people are of it.

Reference: W. Zhang, K. Ma, G. Zhai, X. Yang, "Uncertainty-Aware Blind Image Quality Assessment in the Laboratory and Wild",
IEEE Transactions on Image Processing 30, 2021, equations 2 to 5; its constants are those of the authors' code.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from tfiqa.losses.pair_settings import PairSettings

VARIANCE_EPSILON = 1e-8  # added to the sum of the two variances
FIDELITY_EPSILON = 1e-8  # under the roots of the fidelity loss, whose slope would be infinite at 0
# log(erfc(z) / t) + z^2 as a polynomial of t = 1 / (1 + z / 2), z >= 0, lowest power first: W. H. Press et al., "Numerical
# Recipes in C", 2nd edition 1992, section 6.2; erfc has a fractional error below 1.2e-7.
ERFC = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)


def thurstone_margin(mean_1: Any, mean_2: Any, std_1: Any, std_2: Any, *, attached: bool = False) -> Any:
    """``(mean_1 - mean_2) / sqrt(std_1^2 + std_2^2 + 1e-8)``, whose normal distribution function is the probability that
    the first looks better (equation 2).

    Args:
        mean_1, mean_2: qualities, any shape.
        std_1, std_2: their deviations, above 0.
        attached: let gradients through the denominator, as the paper's equations have it; the authors' code does not, so that
            only the hinge teaches the deviations.
    """
    deviation = ops.sqrt(ops.square(std_1) + ops.square(std_2) + VARIANCE_EPSILON)
    return (mean_1 - mean_2) / (deviation if attached else ops.stop_gradient(deviation))


def normal_cdf(x: Any) -> Any:
    """The standard normal distribution function."""
    return 0.5 * (1 + ops.erf(x / math.sqrt(2)))


def fidelity(margin: Any, probability: Any) -> Any:
    """The fidelity loss (equation 3) between a predicted and a true probability that the first picture looks better.

    Formula: ``1 - sqrt(p g + 1e-8) - sqrt((1 - p)(1 - g) + 1e-8)``, p = Phi(margin), g the true probability. Within 1e-4 of 0
    where p equals g, at most 1, with finite gradients everywhere.

    Args:
        margin: of `thurstone_margin`.
        probability: 0..1, of the same shape.
    """
    agree = ops.sqrt(normal_cdf(margin) * probability + FIDELITY_EPSILON)
    return 1 - agree - ops.sqrt(normal_cdf(-margin) * (1 - probability) + FIDELITY_EPSILON)


def cross_entropy(margin: Any, probability: Any) -> Any:
    """``-g log p - (1 - g) log(1 - p)``, the paper's foil to the fidelity loss; arguments as in `fidelity`. It has no upper
    bound, and at p = g it is the entropy of g instead of 0."""
    return -probability * log_normal_cdf(margin) - (1 - probability) * log_normal_cdf(-margin)


def log_normal_cdf(x: Any) -> Any:
    """The logarithm of `normal_cdf`, finite and with true gradients far out, where the distribution function itself is 0."""
    z = ops.where(x < 0, -x, x) / math.sqrt(2)  # unlike abs, with a slope at 0
    t = 1 / (1 + z / 2)
    polynomial = 0.0
    for coefficient in reversed(ERFC):
        polynomial = polynomial * t + coefficient
    log_half_erfc = ops.log(t / 2) - ops.square(z) + polynomial
    return ops.where(x < 0, log_half_erfc, ops.log1p(-ops.exp(log_half_erfc)))


def deviation_hinge(std_1: Any, std_2: Any, order: Any, margin: float) -> Any:
    """``max(0, margin - order (std_1 - std_2))`` (equation 4).

    Args:
        std_1, std_2: predicted deviations, any shape.
        order: 1 where the first's true deviation is the larger, -1 where it is the smaller, 0 where they are equal or unknown;
            0 gives the constant `margin`, without gradient. (The paper counts equal ones as 1, the authors' code as 0.)
        margin: how far apart they should be.
    """
    return ops.relu(margin - order * (std_1 - std_2))


@keras.saving.register_keras_serializable(package="tfiqa")
class PairLoss(keras.losses.Loss):
    """Equation 5 over a batch in which rows 2i and 2i + 1 are a pair, so that one pass through the network serves both.

    Shapes: y_true (2P, 2), in both rows of a pair the probability that the first looks better and the order of the true
    deviations (1, 0 or -1; see `deviation_hinge`); y_pred (2P, 2), quality and deviation. Values (2P,): each pair's loss in both
    of its rows, so that their mean is the mean over pairs; 0 is best.

    Args:
        settings: which divergence, and its constants.
    """

    def __init__(self, settings: PairSettings, reduction: str = "sum_over_batch_size", name: str = "pair_loss") -> None:
        super().__init__(name=name, reduction=reduction)
        self.settings = settings

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per-row values (2P,)."""
        truth = ops.cast(y_true, y_pred.dtype)[::2]
        first, second = y_pred[::2], y_pred[1::2]
        settings = self.settings
        margin = thurstone_margin(first[:, 0], second[:, 0], first[:, 1], second[:, 1], attached=settings.attached)
        divergence = {"fidelity": fidelity, "cross_entropy": cross_entropy}[settings.divergence]
        values = divergence(margin, truth[:, 0])
        if settings.hinge:
            values += settings.hinge * deviation_hinge(first[:, 1], second[:, 1], truth[:, 1], settings.margin)
        return ops.repeat(values, 2)

    def get_config(self) -> dict[str, Any]:
        """The settings."""
        return {**super().get_config(), "settings": self.settings.to_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PairLoss:
        """The loss that `get_config` described."""
        return cls(**{**config, "settings": PairSettings(**config["settings"])})
