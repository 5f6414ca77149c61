"""The plot of `tfiqa data equalize`: each measure's histogram before and after, as figure 5 of the DeepFL-IQA paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from tfiqa.histogram_equalization import HistogramEqualization

PLOT_BINS = 50
MEASURES_IN_ROW = 2
BEFORE, AFTER = "tab:red", "tab:blue"  # the figure's colours


def draw_equalization(scores: pd.DataFrame, equalization: HistogramEqualization, path: Path) -> None:
    """Histograms of scores and of their targets side by side, in percent of the pictures; a dashed line is the even spread.

    Args:
        scores: a row a picture, a column a measure; at least one row.
        equalization: of these measures.
        path: .png, .svg or .pdf.
    """
    from matplotlib.figure import Figure

    from tfiqa.files import whole_file

    targets = equalization.transform(scores)
    rows = -(-scores.shape[1] // MEASURES_IN_ROW)
    figure = Figure(figsize=(6 * min(MEASURES_IN_ROW, scores.shape[1]), 2.2 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, 2 * min(MEASURES_IN_ROW, scores.shape[1]), squeeze=False).reshape(-1, 2)
    for (before, after), name in zip(panels, scores.columns, strict=False):
        better = "higher" if equalization.maps[name].higher_is_better else "lower"
        _draw_panel(before, scores[name].to_numpy(), None, BEFORE)
        before.set_xlabel(f"{name}, {better} is better")
        before.set_ylabel("pictures, %")
        _draw_panel(after, targets[name].to_numpy(), (0.0, 1.0), AFTER)
        after.axhline(100 / PLOT_BINS, color="0.3", linestyle="--", linewidth=0.8)
        after.set_xlabel("equalised, higher is better")
    for panel in panels[scores.shape[1] :].ravel():
        panel.remove()
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _draw_panel(panel: Any, values: NDArray[np.float64], bounds: tuple[float, float] | None, color: str) -> None:
    import numpy as np

    weights = np.full(len(values), 100 / len(values))
    panel.hist(values, PLOT_BINS, range=bounds, weights=weights, histtype="stepfilled", facecolor=color)
    panel.spines[["top", "right"]].set_visible(False)
