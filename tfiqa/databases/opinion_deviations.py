"""Standard deviations of opinions where a database gives none: estimated from its scores by the SOS hypothesis.

The variance of opinions on a scale from low to high is a parabola of their mean that vanishes at both ends, where all must
agree: ``a (-x^2 + (low + high) x - low high)``. Its one parameter depends on the study, not on the scale: 1 when everybody
takes one end or the other, 0 when all agree. T. Hossfeld, R. Schatz, S. Egger, "SOS: The MOS is not enough!", QoMEX 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.score_scale import ScoreScale

Values = NDArray[np.float64]

SOURCE = "score_std_source"  # the manifest's column that tells estimated deviations from measured ones
MEASURED = "measured"


@dataclass(frozen=True)
class SOSFit:
    """The parameter of one study or of several.

    Args:
        name: whose.
        pictures: fitted on.
        a: the parameter.
        mean: mean measured deviation, as a share of the scale.
        error: root mean square error of the estimated deviations, as a share of the scale.
        constant_error: that of the mean deviation for every picture, which a parabola should undercut.
    """

    name: str
    pictures: int
    a: float
    mean: float
    error: float
    constant_error: float


def sos_deviations(scores: ArrayLike, a: float, low: float, high: float) -> Values:
    """``sqrt(a (x - low) (high - x))``, of the scores' shape and in their unit. Scores must lie in low..high."""
    x = np.asarray(scores, np.float64)
    return np.sqrt(a * (x - low) * (high - x))


def fit_sos(manifests: Sequence[Manifest]) -> list[SOSFit]:
    """The parameter by least squares on the variances, of each manifest and, where there are several, of all their pictures.

    Pictures without `score_std`, or with one that is marked as estimated, do not count. Each scale is brought to 0..1.

    Raises ManifestError for a manifest without scores or measured deviations or with scores off its scale, InvalidInput for a
    scale without bounds.
    """
    parts = [_unit_values(manifest) for manifest in manifests]
    names = [manifest.name for manifest in manifests]
    fits = [_fitted(name, *part) for name, part in zip(names, parts, strict=True)]
    if len(parts) > 1:
        scores, deviations = (np.concatenate(values) for values in zip(*parts, strict=True))
        fits.append(_fitted("all of them", scores, deviations))
    return fits


def with_deviations(manifest: Manifest, a: float) -> Manifest:
    """The manifest with `score_std` estimated where it is missing, and `score_std_source` that says so for each row.

    Deviations that are there stay and are "measured", unless the column says otherwise already.

    Raises ManifestError for scores that are missing or off the scale, or when no deviation is missing; InvalidInput for
    `a` outside 0..1 or a scale without bounds.
    """
    if not 0 <= a <= 1:
        raise InvalidInput(f"the parameter of the SOS hypothesis is between 0 and 1. Received: {a:g}")
    low, high = bounds_of(manifest)
    scores = _column(manifest, "score")
    if np.isnan(scores).any():
        raise ManifestError(f"{manifest.name}: score is missing in {int(np.isnan(scores).sum())} rows")
    _check_range(manifest, scores)
    table = manifest.table.copy()
    given = _column(manifest, "score_std") if "score_std" in table else np.full(len(table), np.nan)
    missing = np.isnan(given)
    if not missing.any():
        raise ManifestError(f"{manifest.name}: every row has a score_std; there is nothing to estimate")
    table["score_std"] = np.where(missing, sos_deviations(scores, a, low, high), given)
    told = table[SOURCE] if SOURCE in table else pd.Series(np.nan, table.index)
    told = told.astype(object).where(told.notna(), MEASURED)
    table[SOURCE] = told.mask(missing, f"estimated by the SOS hypothesis, a = {a:.4g}")
    return replace(manifest, table=table)


def estimated_part(table: pd.DataFrame) -> str | None:
    """How many of a table's deviations are estimated, in words; None when none is."""
    if SOURCE not in table or "score_std" not in table:
        return None
    known = table["score_std"].notna()
    estimated = int((_estimated(table) & known).sum())
    return f"score_std of {estimated} of {int(known.sum())} pictures is estimated, not measured" if estimated else None


def bounds_of(manifest: Manifest) -> tuple[float, float]:
    """The ends of the scale. Raises InvalidInput where there are none."""
    low, high = manifest.scale.low, manifest.scale.high
    if low is None or high is None:
        raise InvalidInput(
            f"{manifest.name}: its scale ({manifest.scale}) has no bounds, which the SOS hypothesis needs"
        )
    return low, high


def with_bounds(manifest: Manifest, low: float, high: float) -> Manifest:
    """The manifest with other ends of its scale."""
    scale = ScoreScale(low, high, manifest.scale.higher_is_better, manifest.scale.unit)
    return replace(manifest, scale=scale)


def _unit_values(manifest: Manifest) -> tuple[Values, Values]:
    """Scores and measured deviations (N,) on a scale from 0 to 1."""
    low, high = bounds_of(manifest)
    for column in ("score", "score_std"):
        if column not in manifest.table:
            raise ManifestError(
                f"{manifest.name}: column {column!r} is missing, so the SOS hypothesis cannot be fitted"
            )
    scores, deviations = _column(manifest, "score"), _column(manifest, "score_std")
    known = ~np.isnan(scores) & ~np.isnan(deviations) & ~_estimated(manifest.table).to_numpy()
    if not known.any():
        raise ManifestError(f"{manifest.name}: it has no measured deviations to fit the SOS hypothesis on")
    _check_range(manifest, scores[known])
    return (scores[known] - low) / (high - low), deviations[known] / (high - low)


def _fitted(name: str, scores: Values, deviations: Values) -> SOSFit:
    curve = scores * (1 - scores)
    if not curve.any():
        raise ManifestError(f"{name}: all scores lie at the ends of the scale, where the SOS hypothesis says nothing")
    a = float(deviations**2 @ curve / (curve @ curve))
    error = np.sqrt(np.mean((sos_deviations(scores, a, 0, 1) - deviations) ** 2))
    return SOSFit(name, len(scores), a, float(deviations.mean()), float(error), float(deviations.std()))


def _estimated(table: pd.DataFrame) -> pd.Series:
    """Which rows' deviations are not people's."""
    if SOURCE not in table:
        return pd.Series(False, table.index)
    return table[SOURCE].notna() & (table[SOURCE] != MEASURED)


def _check_range(manifest: Manifest, scores: Values) -> None:
    low, high = bounds_of(manifest)
    off = scores[(scores < low) | (scores > high)]
    if len(off):
        raise ManifestError(
            f"{manifest.name}: {len(off)} scores lie off the scale from {low:g} to {high:g} (first: {off[0]:g})"
        )


def _column(manifest: Manifest, name: str) -> Values:
    if name not in manifest.table:
        raise ManifestError(f"{manifest.name}: column {name!r} is missing")
    values = pd.to_numeric(manifest.table[name]).to_numpy(np.float64)
    if name == "score_std" and (values < 0).any():
        raise ManifestError(f"{manifest.name}: a standard deviation (score_std) is negative")
    return values
