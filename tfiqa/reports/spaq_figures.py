"""Figure 4 of SPAQ's paper: how the scores of each scene are distributed."""

from __future__ import annotations

import io

from tfiqa.reports.spaq_tables import LEVELS, SceneLevels

PANELS_IN_ROW = 3
COLORS = ("#b2182b", "#ef8a62", "#c9c9c9", "#67a9cf", "#2166ac")  # ColorBrewer's RdBu, from bad to excellent


def draw_scene_levels(levels: SceneLevels) -> bytes:
    """A PNG with a panel a scene: the share of its pictures on each quality level, in per cent."""
    from matplotlib.figure import Figure

    rows = -(-len(levels.table) // PANELS_IN_ROW)
    figure = Figure(figsize=(4 * PANELS_IN_ROW, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, PANELS_IN_ROW, squeeze=False, sharey=True).ravel()
    for panel, (scene, row) in zip(panels, levels.table.iterrows(), strict=False):
        bars = panel.bar(LEVELS, [100 * row[level] for level in LEVELS], color=COLORS, width=0.85)
        panel.bar_label(bars, fmt="{:.0f}", padding=1, fontsize=9)
        panel.set_title(f"{str(scene).replace('_', ' ')} ({row['pictures']:,.0f} pictures)", fontsize=11)
        panel.tick_params(axis="y", labelleft=True)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].margins(y=0.12)
    for panel in panels[::PANELS_IN_ROW]:
        panel.set_ylabel("pictures, %")
    for panel in panels[len(levels.table) :]:
        panel.remove()
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()
