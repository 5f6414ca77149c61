"""The agreement of a set of predictions with human scores, as figures that say what they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import kendall, paired, pearson, rmse, spearman
from tfiqa.evaluation.mapping import FORMULAS, Mapping, fit_mapping
from tfiqa.score_scale import ScoreScale

CONFIDENCE = 95  # per cent
FITTED_ON = "the evaluated pictures"

Values = NDArray[np.float64]


@dataclass(frozen=True)
class MappedAgreement:
    """Agreement after one mapping.

    Args:
        kind: which mapping.
        mapping: the curve, from predictions to scores as they were given; None when it could not be fitted.
        plcc: Pearson's coefficient of the mapped predictions; None without a mapping.
        rmse: root mean square error of the mapped predictions in units of the scores; None without a mapping.
        reason: why there is no mapping.
    """

    kind: str
    mapping: Mapping | None = None
    plcc: float | None = None
    rmse: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class EvaluationReport:
    """The figures of `evaluate_predictions`.

    Args:
        pictures: how many.
        prediction_scale: what the predictions are.
        score_scale: what the scores are.
        srcc: Spearman's coefficient with both sides turned so that higher is better, as all coefficients here: positive
            is agreement. NaN where undefined.
        krcc: Kendall's tau-b.
        plcc: Pearson's coefficient without any mapping.
        rmse: root mean square error without any mapping; None where predictions and scores are on different scales.
        mapped: agreement after each logistic mapping, fitted on the evaluated pictures themselves.
        intervals: 95 % bootstrap intervals (low, high) by figure: srcc, krcc, plcc, plcc_logistic4, plcc_logistic5.
        repeats: bootstrap draws.
        groups: groups that were drawn from.
        seed: of the draws.
    """

    pictures: int
    prediction_scale: ScoreScale
    score_scale: ScoreScale
    srcc: float
    krcc: float
    plcc: float
    rmse: float | None
    mapped: tuple[MappedAgreement, ...]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    repeats: int = 0
    groups: int = 0
    seed: int = 0

    def figures(self) -> Iterator[tuple[str, str, float | None]]:
        """(name, label, value) of every figure, in order."""
        yield "srcc", "SRCC", self.srcc
        yield "krcc", "KRCC", self.krcc
        yield "plcc", "PLCC", self.plcc
        for after in self.mapped:
            yield f"plcc_{after.kind}", f"PLCC after {after.kind}", after.plcc
        yield "rmse", "RMSE", self.rmse
        for after in self.mapped:
            yield f"rmse_{after.kind}", f"RMSE after {after.kind}", after.rmse

    def values(self) -> dict[str, float | None]:
        """The value of every figure, by its name."""
        return {name: value for name, _, value in self.figures()}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is undefined is None."""
        values: dict[str, Any] = {
            "pictures": self.pictures,
            "prediction_scale": self.prediction_scale.to_dict(),
            "score_scale": self.score_scale.to_dict(),
            **{name: _defined(value) for name, value in self.values().items()},
            "mappings": {after.kind: _mapping_dict(after) for after in self.mapped},
        }
        if self.repeats:
            values["intervals"] = {
                "confidence_percent": CONFIDENCE,
                "repeats": self.repeats,
                "groups": self.groups,
                "seed": self.seed,
                **{name: list(interval) for name, interval in self.intervals.items()},
            }
        return values

    def to_text(self) -> str:
        """A short table for people, and under it what the figures rest on."""
        lines = [
            f"{self.pictures} pictures",
            f"scores:      {self.score_scale}",
            f"predictions: {self.prediction_scale}",
            "",
            f"{'':22}{'value':>10}" + (f"   {CONFIDENCE} % interval" if self.repeats else ""),
        ]
        for name, label, value in self.figures():
            if value is None:
                continue
            interval = self.intervals.get(name)
            low_high = f"   {interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
            lines.append(f"{label:22}{'undefined' if math.isnan(value) else f'{value:.4f}':>10}{low_high}")
        lines += ["", "Coefficients: both sides turned so that higher is better; positive is agreement."]
        if any(after.rmse is not None for after in self.mapped) or self.rmse is not None:
            lines.append(f"RMSE: in units of {self.score_scale.unit}.")
        for after in self.mapped:
            if after.mapping is None:
                lines.append(f"{after.kind}: none, {after.reason}")
            else:
                doubt = "" if after.mapping.converged else " (the search did not converge)"
                lines.append(f"{after.mapping}; fitted on {FITTED_ON}{doubt}")
        if self.repeats:
            lines.append(
                f"Intervals: percentiles of {self.repeats} bootstrap draws of {self.groups} groups, seed {self.seed}; "
                "mappings not refitted."
            )
        return "\n".join(lines)


def evaluate_predictions(
    predictions: ArrayLike,
    scores: ArrayLike,
    *,
    prediction_scale: ScoreScale,
    score_scale: ScoreScale,
    groups: ArrayLike | None = None,
    repeats: int = 0,
    seed: int = 0,
) -> EvaluationReport:
    """Compares predictions with human scores.

    Args:
        predictions: shape (N,) or (N, 1), on `prediction_scale`.
        scores: the same shape, on `score_scale`.
        prediction_scale: tells the direction of the predictions.
        score_scale: tells the direction of the scores.
        groups: (N,) what belongs together, for the intervals: whole groups are drawn. A missing value (None, NaN) is a
            group of its own; without `groups` every picture is.
        repeats: bootstrap draws; 0 for no intervals. Draws on which a coefficient is undefined do not count for it.
        seed: of the draws.

    Raises:
        InvalidInput: no predictions, other shapes, different lengths, values that are not finite, or fewer than two
            groups to draw from.
    """
    x, y = paired(predictions, scores)
    if not len(x):
        raise InvalidInput("there is nothing to evaluate: no predictions")
    mapped = tuple(_after_mapping(kind, x, y) for kind in FORMULAS)
    curves = {f"plcc_{after.kind}": score_scale.oriented(after.mapping(x)) for after in mapped if after.mapping}
    better_x, better_y = prediction_scale.oriented(x), score_scale.oriented(y)
    codes = _group_codes(groups, len(x)) if repeats else np.zeros(1, np.int64)
    return EvaluationReport(
        pictures=len(x),
        prediction_scale=prediction_scale,
        score_scale=score_scale,
        srcc=spearman(better_x, better_y),
        krcc=kendall(better_x, better_y),
        plcc=pearson(better_x, better_y),
        rmse=rmse(x, y) if prediction_scale == score_scale else None,
        mapped=mapped,
        intervals=_intervals(better_x, better_y, curves, codes, repeats, seed) if repeats else {},
        repeats=repeats,
        groups=int(codes.max()) + 1 if repeats else 0,
        seed=seed,
    )


def _after_mapping(kind: str, x: Values, y: Values) -> MappedAgreement:
    try:
        mapping = fit_mapping(x, y, kind)
    except InvalidInput as error:
        return MappedAgreement(kind, reason=str(error))
    curve = mapping(x)
    return MappedAgreement(kind, mapping, pearson(curve, y), rmse(curve, y))


def _group_codes(groups: ArrayLike | None, n: int) -> NDArray[np.int64]:
    """(N,) the number of each picture's group, 0, 1, ..."""
    if groups is None:
        codes = np.arange(n)
    else:
        names = np.asarray(groups, dtype=object)
        if names.shape != (n,):
            raise InvalidInput(f"groups must name one group a prediction, shape ({n},). Received: shape {names.shape}")
        codes, known = pd.factorize(names)
        alone = codes < 0
        codes[alone] = len(known) + np.arange(alone.sum())
    if n and codes.max() < 1:
        raise InvalidInput("a bootstrap needs at least two groups; all predictions are of one")
    return codes


def _intervals(
    x: Values, y: Values, curves: dict[str, Values], codes: NDArray[np.int64], repeats: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the coefficients over draws of whole groups with replacement."""
    random = np.random.default_rng(seed)
    groups = int(codes.max()) + 1
    drawn: dict[str, list[float]] = {name: [] for name in ("srcc", "krcc", "plcc", *curves)}
    for _ in range(repeats):
        counts = np.bincount(random.integers(groups, size=groups), minlength=groups)
        rows = np.repeat(np.arange(len(x)), counts[codes])
        drawn["srcc"].append(spearman(x[rows], y[rows]))
        drawn["krcc"].append(kendall(x[rows], y[rows]))
        drawn["plcc"].append(pearson(x[rows], y[rows]))
        for name, curve in curves.items():
            drawn[name].append(pearson(curve[rows], y[rows]))
    tails = ((100 - CONFIDENCE) / 2, (100 + CONFIDENCE) / 2)
    intervals = {}
    for name, values in drawn.items():
        defined = [value for value in values if not math.isnan(value)]
        if defined:
            low, high = np.percentile(defined, tails)
            intervals[name] = (float(low), float(high))
    return intervals


def _mapping_dict(after: MappedAgreement) -> dict[str, Any]:
    if after.mapping is None:
        return {"kind": after.kind, "reason": after.reason}
    return {**after.mapping.to_dict(), "fitted_on": FITTED_ON}


def _defined(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
