"""Figures 3 and 6 of UNIQUE's paper, and the reliability diagram."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tfiqa.evaluation.calibration import Calibration
from tfiqa.reports.page import number

PANELS_IN_ROW = 3
MANY = 2000  # pictures, from which on the points are small and pale


@dataclass(frozen=True, eq=False)
class Cloud:
    """One panel of means against deviations.

    Args:
        title: of the panel.
        means, deviations: (N,).
        mean_label, deviation_label: of the axes.
    """

    title: str
    means: pd.Series[float]
    deviations: pd.Series[float]
    mean_label: str
    deviation_label: str


def draw_clouds(clouds: Sequence[Cloud]) -> bytes:
    """A PNG with a panel a cloud, as figures 3 and 6: a point a picture."""
    figure, panels = _panels(len(clouds))
    for panel, cloud in zip(panels, clouds, strict=True):
        many = len(cloud.means) > MANY
        panel.scatter(cloud.means, cloud.deviations, s=2 if many else 8, alpha=0.3 if many else 0.6, linewidths=0)
        panel.set_title(cloud.title, fontsize=11)
        panel.set_xlabel(cloud.mean_label)
        panel.set_ylabel(cloud.deviation_label)
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def draw_reliability(named: Sequence[tuple[str, Calibration]]) -> bytes:
    """A PNG with a panel a database: mean true against mean predicted probability of each bin; the area of a point is
    proportional to its pairs. On the diagonal a model is as sure as it should be."""
    figure, panels = _panels(len(named))
    for panel, (title, calibration) in zip(panels, named, strict=True):
        filled = [each for each in calibration.bins if each.pairs]
        most = max((each.pairs for each in filled), default=1)
        predicted, true = [each.predicted for each in filled], [each.true for each in filled]
        panel.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        panel.plot(predicted, true, color="C0", linewidth=1)
        panel.scatter(predicted, true, [8 + 120 * each.pairs / most for each in filled], color="C0")
        panel.set_title(f"{title}, calibration error {number(calibration.error, 3)}", fontsize=11)
        panel.set_xlabel("predicted probability")
        panel.set_ylabel("true probability")
        panel.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    return _png(figure)


def _panels(count: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    columns = min(count, PANELS_IN_ROW)
    rows = -(-count // columns)
    figure = Figure(figsize=(4 * columns, 3.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[count:]:
        panel.remove()
    return figure, list(panels[:count])


def _png(figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()
