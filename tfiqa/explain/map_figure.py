"""What a quality map looks like: the picture with its worst blocks marked, beside the map over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfiqa.explain.overlay import ALPHA, ColourBar, Pixels, blend, colour_limits, fitted, magma, side_by_side, stretch
from tfiqa.explain.quality_map import QualityMap

WORST = 3  # blocks marked
FONT_SIZE = 16
INK, PAPER = (255, 255, 255), (0, 0, 0)  # seen on any picture, as one is around the other


@dataclass(frozen=True)
class MapStyle:
    """How maps are drawn.

    Args:
        alpha: the share of the map's colours over the picture, 0 to 1.
        low, high: the scores of the darkest and the brightest colour; None for a map's least and greatest.
        worst: how many blocks are marked; see `QualityMap.worst`.
    """

    alpha: float = ALPHA
    low: float | None = None
    high: float | None = None
    worst: int = WORST


def draw_map(picture: Pixels, quality_map: QualityMap, style: MapStyle = MapStyle()) -> bytes:
    """A PNG: a picture RGB (H, W, 3) with its worst blocks marked and numbered, the map over it, and what the colours mean.

    Raises InvalidInput as `colour_limits`.
    """
    scale, local = quality_map.scale, quality_map.local
    limits = colour_limits(local, style.low, style.high)
    small = fitted(picture)
    blended = blend(small, magma(stretch(local, *limits)), style.alpha)
    grown = np.array([small.shape[1] / picture.shape[1], small.shape[0] / picture.shape[0]] * 2)
    boxes = [quality_map.blocks[place] * grown for place in quality_map.worst(style.worst)]
    rows, columns = local.shape
    panels = [
        (f"quality {quality_map.quality:.4g}", with_boxes_drawn(small, boxes)),
        (f"quality map, {rows} x {columns} blocks", blended),
    ]
    direction = "higher" if scale.higher_is_better else "lower"
    return side_by_side(panels, ColourBar(*limits, f"{scale.unit}, {direction} is better"))


def with_boxes_drawn(picture: Pixels, boxes: Sequence[np.ndarray]) -> Pixels:
    """A copy of a picture (H, W, 3) with boxes, left, top, right, bottom in its pixels, drawn and numbered from 1."""
    image = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_SIZE)
    drawn = [np.clip(box - [0, 0, 1, 1], 0, [image.width - 1, image.height - 1] * 2) for box in boxes]
    for left, top, right, bottom in drawn:
        right, bottom = max(left, right), max(top, bottom)
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=PAPER, width=4)
        draw.rectangle((left, top, right, bottom), outline=INK, width=2)
    for number, (left, top, right, _) in enumerate(drawn, start=1):
        _, _, width, height = draw.textbbox((0, 0), str(number), font)
        across = right + 5 if right + width + 7 < image.width else max(left - width - 5, 0)
        down = min(max(top - 4, 0), image.height - height - 2)
        draw.text((across, down), str(number), INK, font, stroke_width=2, stroke_fill=PAPER)
    return np.asarray(image)
