"""The simplex search of Nelder and Mead, step by step that of MATLAB's fminsearch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

INITIAL_STEP = 0.05  # of each coordinate, for the corners of the first simplex
ULPS = 10  # a tolerance below so many units in the last place means that many

Point = NDArray[np.float64]


def nelder_mead(
    function: Callable[[Point], float],
    start: Sequence[float] | Point,
    *,
    point_tolerance: float,
    value_tolerance: float,
    most: int,
) -> Point:
    """Looks for a point where a function is small (J. Nelder, R. Mead, A simplex method for function minimization, 1965).

    In the form of J. Lagarias, J. Reeds, M. Wright, P. Wright (Convergence properties of the Nelder-Mead simplex method in
    low dimensions, SIAM J. Optim. 9(1), 1998), which fminsearch follows. On a function with steps the way depends on the
    last bit of every sum and on the order of equal values: points are summed in order and sorted stably.

    Args:
        function: of a point; infinity where it does not exist.
        start: (N,), no coordinate 0.
        point_tolerance: the search ends when no corner is farther than this from the best in any coordinate ...
        value_tolerance: ... and no value differs from the best by more than this.
        most: it also ends after so many steps or evaluations, which the last step may exceed.

    Returns:
        (N,), the best corner.
    """
    size = len(start)
    simplex = np.tile(np.asarray(start, np.float64), (size + 1, 1))
    simplex[np.arange(1, size + 1), np.arange(size)] *= 1 + INITIAL_STEP
    values = [function(point) for point in simplex]
    evaluations = size + 1
    simplex, values = _sorted(simplex, values)
    for _ in range(1, most):
        if evaluations >= most or _is_small(simplex, values, point_tolerance, value_tolerance):
            break
        evaluations += _step(function, simplex, values)
        simplex, values = _sorted(simplex, values)
    return simplex[0]


def _step(function: Callable[[Point], float], simplex: Point, values: list[float]) -> int:
    """Replaces the worst corner, or draws all to the best, in place; the number of evaluations."""
    worst = simplex[-1].copy()
    middle = np.cumsum(simplex[:-1], axis=0)[-1] / len(worst)  # cumsum adds in order
    reflected = 2 * middle - worst
    value = function(reflected)
    if value < values[0]:
        expanded = 3 * middle - 2 * worst
        expanded_value = function(expanded)
        if expanded_value < value:
            simplex[-1], values[-1] = expanded, expanded_value
        else:
            simplex[-1], values[-1] = reflected, value
        return 2
    if value < values[-2]:
        simplex[-1], values[-1] = reflected, value
        return 1
    outside = value < values[-1]
    contracted = 1.5 * middle - 0.5 * worst if outside else 0.5 * middle + 0.5 * worst
    contracted_value = function(contracted)
    if contracted_value <= value if outside else contracted_value < values[-1]:
        simplex[-1], values[-1] = contracted, contracted_value
        return 2
    simplex[1:] = simplex[0] + 0.5 * (simplex[1:] - simplex[0])
    values[1:] = [function(point) for point in simplex[1:]]
    return 2 + len(worst)


def _sorted(simplex: Point, values: list[float]) -> tuple[Point, list[float]]:
    order = sorted(range(len(values)), key=values.__getitem__)
    return simplex[order], [values[index] for index in order]


def _is_small(simplex: Point, values: list[float], point_tolerance: float, value_tolerance: float) -> bool:
    """Whether the corners, sorted, are within the tolerances of the best."""
    if values[-1] == np.inf or values[-1] - values[0] > max(value_tolerance, ULPS * np.spacing(abs(values[0]))):
        return False
    return bool(
        np.abs(simplex[1:] - simplex[0]).max() <= max(point_tolerance, ULPS * float(np.spacing(simplex[0].max())))
    )
