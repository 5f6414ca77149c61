"""The plot of `tfiqa data describe`: histograms of one or more collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfiqa.databases.manifest import Manifest

PLOT_BINS = 30
PANELS_IN_ROW = 3
AXIS_LABELS = {
    "absolute_brightness": "absolute brightness R + G + B",
    "hasler_colorfulness": "colourfulness (Hasler, Süsstrunk)",
    "rms_contrast": "RMS contrast",
    "spatial_information": "spatial information",
    "pixel_count": "million pixels",
    "width": "width in pixels",
    "height": "height in pixels",
    "aspect_ratio": "aspect ratio, width / height",
}
UNITS = {"pixel_count": 1e6}
SIZES = ("pixel_count", "width", "height", "aspect_ratio")
LOGARITHMIC_RATIO = 10  # of the largest to the smallest, from which on sizes are drawn logarithmically


def statistic_columns(manifest: Manifest) -> list[str]:
    """The statistics and the score, as far as any picture has them."""
    from tfiqa.images.statistics import STATISTICS

    table = manifest.table
    return [column for column in (*STATISTICS, "score") if column in table and table[column].notna().any()]


def common_columns(manifest: Manifest, described: Manifest) -> list[str]:
    """The columns of both that can be compared; scores of different scales cannot."""
    columns = [column for column in statistic_columns(manifest) if column in statistic_columns(described)]
    return [column for column in columns if column != "score" or manifest.scale == described.scale]


def draw_histograms(collections: Mapping[str, Manifest], described: Manifest, path: Path) -> None:
    """Histograms of all that the described collection has, each collection in a colour of its own.

    Raises InvalidInput when there is nothing to draw.
    """
    import numpy as np
    from matplotlib.figure import Figure

    from tfiqa.errors import InvalidInput
    from tfiqa.files import whole_file

    columns = statistic_columns(described)
    if not columns:
        raise InvalidInput(f"{path}: there is nothing to draw, since no picture could be measured")
    rows = -(-len(columns) // PANELS_IN_ROW)
    figure = Figure(figsize=(4 * PANELS_IN_ROW, 2.5 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, PANELS_IN_ROW, squeeze=False).ravel()
    for panel, column in zip(panels, columns, strict=False):
        values = [
            _values(manifest, column) if column in common_columns(manifest, described) else np.empty(0)
            for manifest in collections.values()
        ]
        _draw_panel(panel, values, is_size=column in SIZES)
        panel.set_xlabel(AXIS_LABELS.get(column, described.scale.unit))
    for panel in panels[::PANELS_IN_ROW]:
        panel.set_ylabel("pictures, %")
    for panel in panels[len(columns) :]:
        panel.remove()
    labels = [f"{label} ({len(manifest)} pictures)" for label, manifest in collections.items()]
    figure.legend(panels[0].patches, labels, loc="outside upper center", ncols=2, frameon=False)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _values(manifest: Manifest, column: str) -> NDArray[np.float64]:
    return manifest.table[column].dropna().to_numpy(float) / UNITS.get(column, 1.0)


def _draw_panel(panel: Any, values: Sequence[NDArray[np.float64]], is_size: bool) -> None:
    import numpy as np
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    joined = np.concatenate(values)
    low, high = joined.min(), joined.max()
    is_logarithmic = is_size and high / low >= LOGARITHMIC_RATIO
    if low == high:  # a bar of some width for the one value there is
        low, high = low - 0.5, high + 0.5
    edges = (np.geomspace if is_logarithmic else np.linspace)(low, high, PLOT_BINS + 1)
    edges[0], edges[-1] = low, high  # which geomspace may miss by rounding
    for place, each in enumerate(values):
        color = f"C{place}"
        weights = np.full(len(each), 100 / max(len(each), 1))
        panel.hist(each, edges, weights=weights, histtype="stepfilled", facecolor=(color, 0.35), edgecolor=color)
    if is_logarithmic:
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
    panel.spines[["top", "right"]].set_visible(False)
