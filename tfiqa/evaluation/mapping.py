"""Logistic mappings from predictions to scores, fitted by least squares before PLCC and RMSE are taken.

A measure may be right up to a monotonic curve; the mapping takes the curve out. Two curves stand in the literature:

* `logistic4`: b2 + (b1 - b2) / (1 + exp(-(q - b3) / |b4|)), VQEG, Final report on the validation of objective models of
  video quality assessment, 2000.
* `logistic5`: b1 (1/2 - 1 / (1 + exp(b2 (q - b3)))) + b4 q + b5, H. R. Sheikh, M. F. Sabir, A. C. Bovik, A statistical
  evaluation of recent full reference image quality assessment algorithms, IEEE TIP 15(11), 2006.

The linear term of `logistic5` can bend the curve back, which would credit a measure with knowing where it is wrong.
VQEG asks for monotonic mappings, so here the curve is the best one that does not turn back between the smallest and
largest prediction fitted. Published values come from searches without that condition: they agree where the curve rises
anyway (FSIM and GMSD on TID2008 and CSIQ, within 0.0003), and can be higher elsewhere (VIF on TID2013 by 0.01).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize
from scipy.special import expit

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import is_constant, paired
from tfiqa.registry import unknown_name

Values = NDArray[np.float64]
# (standardised predictions, standardised scores, slope, centre) -> the linear parameters and the fitted curve
Solve = Callable[[Values, Values, float, float], tuple[Values, Values]]

FORMULAS = {
    "logistic4": "b2 + (b1 - b2) / (1 + exp(-(q - b3) / |b4|))",
    "logistic5": "b1 (1/2 - 1 / (1 + exp(b2 (q - b3)))) + b4 q + b5",
}
PARAMETERS = {"logistic4": 4, "logistic5": 5}

# The search, in units of the predictions' standard deviation. A slope below the range is a straight line within 1e-5,
# one above it a step.
SLOPES = (0.02, 500.0)
START_SLOPES = np.geomspace(0.25, 32, 8)
START_QUANTILES = np.linspace(0, 1, 11)
START_OUTSIDE = (0.1, 0.3, 0.6)  # centres beside the data, as parts of its width
STARTS = 6


@dataclass(frozen=True)
class Mapping:
    """A fitted curve; calling it maps predictions of any shape to the scores' units.

    Args:
        kind: a key of `FORMULAS`.
        parameters: b1, b2, ... in the units of the predictions and scores fitted.
        n: number of pairs fitted.
        converged: whether the search met its tolerance.
    """

    kind: str
    parameters: tuple[float, ...]
    n: int
    converged: bool

    def __call__(self, predictions: ArrayLike) -> Values:
        q = np.asarray(predictions, np.float64)
        if self.kind == "logistic4":
            b1, b2, b3, b4 = self.parameters
            return b2 + (b1 - b2) * expit((q - b3) / abs(b4))
        b1, b2, b3, b4, b5 = self.parameters
        return b1 * (expit(b2 * (q - b3)) - 0.5) + b4 * q + b5

    def __str__(self) -> str:
        values = ", ".join(f"b{place} = {value:.10g}" for place, value in enumerate(self.parameters, start=1))
        return f"{self.kind}: {FORMULAS[self.kind]}; {values}"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary with the formula."""
        return {
            "kind": self.kind,
            "formula": FORMULAS[self.kind],
            "parameters": list(self.parameters),
            "n": self.n,
            "converged": self.converged,
        }


def fit_mapping(predictions: ArrayLike, scores: ArrayLike, kind: str = "logistic5") -> Mapping:
    """The curve of least squared error from predictions to scores, rising or falling as the data do.

    Given slope and centre of the logistic, the other parameters are a linear least-squares problem. So the search is
    only over those two: a grid of starts, the best of them refined. Both sides are standardised for it.

    Args:
        predictions: shape (N,) or (N, 1).
        scores: the same shape.
        kind: a key of `FORMULAS`.

    Raises:
        InvalidInput: an unknown kind; what `correlation.srcc` refuses; all scores equal; or fewer different predictions
            than the curve has parameters.
    """
    if kind not in FORMULAS:
        raise InvalidInput(unknown_name("mapping", kind, FORMULAS))
    x, y = paired(predictions, scores)
    different = len(np.unique(x))
    if different < PARAMETERS[kind]:
        raise InvalidInput(
            f"{kind} has {PARAMETERS[kind]} parameters, but there are only {different} different predictions"
        )
    if is_constant(y):
        raise InvalidInput(f"{kind} cannot be fitted: all scores are {y[0]:g}")
    (mean_x, size_x), (mean_y, size_y) = _standard(x), _standard(y)
    z, target = (x - mean_x) / size_x, (y - mean_y) / size_y
    solve = _solve4 if kind == "logistic4" else _solve5
    slope, centre, converged = _search(z, target, solve)
    linear, _ = solve(z, target, slope, centre)
    parameters: tuple[float, ...]
    if kind == "logistic4":
        low, rise = linear
        parameters = (mean_y + size_y * (low + rise), mean_y + size_y * low, mean_x + size_x * centre, size_x / slope)
    else:
        rise, tilt, level = linear
        parameters = (
            size_y * rise,
            slope / size_x,
            mean_x + size_x * centre,
            size_y * tilt / size_x,
            mean_y + size_y * (level - tilt * mean_x / size_x),
        )
    return Mapping(kind, tuple(float(value) for value in parameters), len(x), converged)


def _search(z: Values, target: Values, solve: Solve) -> tuple[float, float, bool]:
    """Slope, centre, and whether the search met its tolerance."""

    def residuals(point: Values) -> Values:
        return solve(z, target, float(np.exp(point[0])), float(point[1]))[1] - target

    width = np.ptp(z)
    bounds = ([np.log(SLOPES[0]), z.min() - width], [np.log(SLOPES[1]), z.max() + width])
    outside = [end + sign * part * width for end, sign in ((z.min(), -1), (z.max(), 1)) for part in START_OUTSIDE]
    centres = [*np.unique(np.quantile(z, START_QUANTILES)), *outside]
    grid = [np.array((np.log(slope), centre)) for slope in START_SLOPES for centre in centres]
    starts = sorted(grid, key=lambda point: float(np.sum(residuals(point) ** 2)))[:STARTS]
    best = min(
        (optimize.least_squares(residuals, start, bounds=bounds) for start in starts), key=lambda result: result.cost
    )
    return float(np.exp(best.x[0])), float(best.x[1]), bool(best.success)


def _solve4(z: Values, target: Values, slope: float, centre: float) -> tuple[Values, Values]:
    """(low, rise) and the curve low + rise * logistic, which is monotonic whatever they are."""
    basis = np.stack([np.ones_like(z), expit(slope * (z - centre))], axis=1)
    linear = _least_squares(basis, target)
    return linear, basis @ linear


def _solve5(z: Values, target: Values, slope: float, centre: float) -> tuple[Values, Values]:
    """(rise, tilt, level) of the best monotonic curve rise * (logistic - 1/2) + tilt * z + level, and the curve.

    The logistic's gradient lies between `flattest` and `steepest`; the curve turns back when rise * gradient + tilt
    changes its sign between them. Then the best monotonic curve lies on the border: it is flat where the gradient is
    one of the two.
    """
    logistic = expit(slope * (z - centre)) - 0.5
    basis = np.stack([logistic, z, np.ones_like(z)], axis=1)
    linear = _least_squares(basis, target)
    ends = expit(slope * (np.array([z.min(), z.max(), np.clip(centre, z.min(), z.max())]) - centre))
    gradients = slope * ends * (1 - ends)
    flattest, steepest = gradients.min(), gradients.max()
    if (linear[0] * flattest + linear[1]) * (linear[0] * steepest + linear[1]) >= 0:
        return linear, basis @ linear
    on_border = []
    for gradient in (flattest, steepest):
        rise, level = _least_squares(np.stack([logistic - gradient * z, np.ones_like(z)], axis=1), target)
        linear = np.array([rise, -gradient * rise, level])
        on_border.append((linear, basis @ linear))
    return min(on_border, key=lambda found: float(np.sum((found[1] - target) ** 2)))


def _least_squares(basis: Values, target: Values) -> Values:
    return np.asarray(np.linalg.lstsq(basis, target, rcond=None)[0], np.float64)


def _standard(values: Values) -> tuple[float, float]:
    """Mean and standard deviation; the size is taken out first, so that squares neither overflow nor vanish."""
    mean = float(values.mean())
    size = float(np.abs(values - mean).max())
    return mean, size * float(np.std((values - mean) / size))
