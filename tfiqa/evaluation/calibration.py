"""Whether a model that tells its uncertainty is as sure as it should be, over pairs of the evaluated pictures.

References: fidelity loss, W. Zhang et al., "Uncertainty-aware blind image quality assessment in the laboratory and wild", TIP
2021, equation 3 and table V; reliability diagram and expected calibration error, C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger,
"On calibration of modern neural networks", ICML 2017, section 2.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.databases.pairs import pair_of_rank, permuted, thurstone_probability
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import paired, spearman
from tfiqa.score_scale import ScoreScale

Values = NDArray[np.float64]

MOST_PAIRS = 1_000_000  # all pairs of 1,414 pictures; of more pictures as many distinct pairs are drawn
BINS = 10  # of equal width over 0..1
NO_PAIRS = "undefined: a pair needs two pictures"


@dataclass(frozen=True)
class Bin:
    """The pairs whose predicted probability is in a range.

    Args:
        low, high: the range.
        pairs: how many, each pair counted in both orders.
        predicted: their mean predicted probability; NaN without pairs.
        true: their mean true probability; NaN without pairs.
    """

    low: float
    high: float
    pairs: int
    predicted: float
    true: float


@dataclass(frozen=True)
class Calibration:
    """The figures of `calibrate`.

    Args:
        pictures: how many.
        left_out: pictures that were left out since they have no deviation by people while others have.
        pairs: how many were compared.
        possible: how many there are.
        seed: of the draw, where not all were compared.
        truth: "thurstone": probabilities from people's scores and deviations; "binary": 1, 1/2 or 0 by the scores alone.
        source: what the deviations of the truth are, where they are not people's.
        fidelity: mean fidelity loss, 0 (best) to 1; NaN without pairs.
        error: expected calibration error, 0 (best) to 1; NaN without pairs.
        bins: the reliability table, in order.
        deviation_srcc: Spearman's coefficient of predicted and true deviations; NaN where undefined, None without true ones.
    """

    pictures: int
    left_out: int
    pairs: int
    possible: int
    seed: int
    truth: str
    source: str | None
    fidelity: float
    error: float
    bins: tuple[Bin, ...]
    deviation_srcc: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is undefined is None."""
        bins = [_defined(asdict(each)) for each in self.bins]
        return _defined({**asdict(self), "bins": bins})

    def to_text(self) -> str:
        """The figures for people to read."""
        which = "all" if self.pairs == self.possible else f"drawn from {self.possible:,}, seed {self.seed}"
        lines = [
            "",
            f"Uncertainty, over {self.pairs:,} pairs of {self.pictures:,} pictures ({which})",
            f"truth: {self.truth_text()}",
        ]
        if not self.pairs:
            return "\n".join([*lines, NO_PAIRS])
        lines += [
            "",
            f"{'fidelity loss':32}{self.fidelity:>10.4f}",
            f"{'expected calibration error':32}{self.error:>10.4f}",
        ]
        if self.deviation_srcc is not None:
            srcc = "undefined" if math.isnan(self.deviation_srcc) else f"{self.deviation_srcc:.4f}"
            lines.append(f"{'SRCC of the deviations':32}{srcc:>10}")
        lines += ["", f"{'probability':>13}{'predicted':>11}{'true':>8}{'pairs (both orders)':>22}"]
        for each in self.bins:
            means = f"{each.predicted:11.4f}{each.true:8.4f}" if each.pairs else f"{'-':>11}{'-':>8}"
            lines.append(f"{each.low:7.1f} - {each.high:.1f}{means}{each.pairs:22,}")
        return "\n".join(lines)

    def truth_text(self) -> str:
        """What the predictions are compared with, in words."""
        if self.truth == "binary":
            return "which score is better, since there is no score_std; equal scores count 1/2"
        text = "probabilities by Thurstone's model from score and score_std"
        if self.source:
            text += f" ({self.source})"
        return text + (f"; {self.left_out} pictures without score_std left out" if self.left_out else "")


def calibrate(
    quality: ArrayLike,
    uncertainty: ArrayLike,
    scores: ArrayLike,
    deviations: ArrayLike | None,
    *,
    prediction_scale: ScoreScale,
    score_scale: ScoreScale,
    source: str | None = None,
    databases: ArrayLike | None = None,
    seed: int = 0,
) -> Calibration:
    """Compares the probabilities that a model's qualities and deviations give with those of people's.

    All pairs are compared where there are up to a million, else a million distinct ones.

    Args:
        quality, uncertainty: (N,) predictions and their standard deviations, on `prediction_scale`.
        scores: (N,) people's, on `score_scale`.
        deviations: (N,) standard deviations of people's opinions, NaN where missing; None, or all missing, for a truth by the
            scores alone. Where only some are missing, those pictures are left out.
        prediction_scale, score_scale: tell which direction is better.
        source: what the deviations are, where they are not people's.
        databases: (N,) of each picture, where several; only pairs within one are compared.
        seed: of the draw of pairs.

    Raises InvalidInput for other shapes, scores or predictions that are not finite, and negative deviations.
    """
    mean, score = paired(quality, scores)
    std, _ = paired(uncertainty, scores)
    true_std = None if deviations is None else np.asarray(deviations, np.float64)
    if true_std is not None and true_std.shape != mean.shape:
        raise InvalidInput(f"{len(mean)} predictions need as many deviations. Received: {true_std.shape}")
    left_out = 0
    owner = (
        np.zeros(len(mean), np.int64)
        if databases is None
        else np.unique(np.asarray(databases, str), return_inverse=True)[1]
    )
    if true_std is not None and np.isnan(true_std).all():
        true_std = None
    if true_std is not None:
        known = ~np.isnan(true_std)
        left_out = int((~known).sum())
        mean, std, score, true_std, owner = mean[known], std[known], score[known], true_std[known], owner[known]
    for name, values in (("uncertainty", std), ("score_std", true_std)):
        if values is not None and (values < 0).any():
            raise InvalidInput(f"{name} is a standard deviation, at least 0. Received: {values.min():g}")
    mean, score = prediction_scale.oriented(mean), score_scale.oriented(score)
    possible = len(mean) * (len(mean) - 1) // 2
    places = np.arange(possible) if possible <= MOST_PAIRS else permuted(np.arange(MOST_PAIRS), possible, seed)
    first, second = pair_of_rank(places, len(mean))
    within = owner[first] == owner[second]
    first, second = first[within], second[within]
    of_one = np.bincount(owner)
    predicted = thurstone_probability(mean[first] - mean[second], std[first], std[second])
    difference = score[first] - score[second]
    if true_std is None:
        true = (np.sign(difference) + 1) / 2
    else:
        true = thurstone_probability(difference, true_std[first], true_std[second])
    bins = reliability(predicted, true)
    return Calibration(
        pictures=len(mean),
        left_out=left_out,
        pairs=len(first),
        possible=int((of_one * (of_one - 1) // 2).sum()),
        seed=seed,
        truth="binary" if true_std is None else "thurstone",
        source=None if true_std is None else source,
        fidelity=float(fidelity_losses(predicted, true).mean()) if len(first) else math.nan,
        error=calibration_error(bins),
        bins=bins,
        deviation_srcc=None if true_std is None else spearman(std, true_std),
    )


def fidelity_losses(predicted: Values, true: Values) -> Values:
    """Equation 3 for each pair: ``1 - sqrt(p g) - sqrt((1 - p)(1 - g))``, 0 where both are equal, 1 where both are sure of
    the opposite."""
    return np.maximum(0, 1 - np.sqrt(predicted * true) - np.sqrt((1 - predicted) * (1 - true)))


def reliability(predicted: Values, true: Values) -> tuple[Bin, ...]:
    """The reliability table of pairs, each in both orders, since either picture may be called the first."""
    p, g = np.concatenate([predicted, 1 - predicted]), np.concatenate([true, 1 - true])
    number = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    pairs, p_sum, g_sum = (np.bincount(number, weights, minlength=BINS) for weights in (None, p, g))
    with np.errstate(invalid="ignore"):  # a bin without pairs is NaN
        p_mean, g_mean = p_sum / pairs, g_sum / pairs
    return tuple(
        Bin(place / BINS, (place + 1) / BINS, int(pairs[place]), float(p_mean[place]), float(g_mean[place]))
        for place in range(BINS)
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """The distance of mean predicted and mean true probability, averaged over the bins by their pairs; NaN without pairs."""
    total = sum(each.pairs for each in bins)
    return (
        sum(each.pairs * abs(each.predicted - each.true) for each in bins if each.pairs) / total if total else math.nan
    )


def _defined(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
