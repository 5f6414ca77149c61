"""Explanations as pictures beside each other. The titles tell the values of the darkest and of the brightest colour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfiqa.explain.attribution import Method
from tfiqa.explain.grad_cam import Values, signed
from tfiqa.explain.overlay import ColourBar, Pixels, blend, colour_limits, fitted, magma, side_by_side, stretch
from tfiqa.explain.quality_map import QualityMap

# A few pixels' gradients are so large that the others would all be black: Smilkov et al. 2017, section 3.2.
BRIGHTEST = 99  # percentile
GRAD_CAM = {"both": "Grad-CAM", "raises": "Grad-CAM, raises", "lowers": "Grad-CAM, lowers"}
TITLES = {"saliency": "saliency", "smoothgrad": "SmoothGrad"}
BAR = ColourBar(0, 1, "from the first to the last value of a title")


def draw_explanation(
    picture: Pixels,
    score: str,
    explained: Mapping[Method, Values],
    sign: str = "both",
    quality_map: QualityMap | None = None,
) -> bytes:
    """A PNG: a picture, what methods tell of it, and the qualities of its blocks.

    Args:
        picture: RGB (H, W, 3), as it was explained.
        score: its title.
        explained: what `Explainer.explain` told, by method.
        sign: what of Grad-CAM is shown, see `grad_cam.signed`.
        quality_map: of the same picture, None for none.
    """
    small = fitted(picture)
    panels = [(score, small)]
    for method, values in explained.items():
        if method == "grad-cam":
            panels.append(_panel(small, GRAD_CAM[sign], signed(values, sign), None if sign == "both" else 0))
        else:
            panels.append(_panel(small, TITLES[method], np.minimum(values, np.percentile(values, BRIGHTEST)), 0))
    if quality_map is not None:
        panels.append(_panel(small, "quality map", quality_map.local, None))
    return side_by_side(panels, BAR)


def _panel(picture: Pixels, title: str, values: Values, low: float | None) -> tuple[str, Pixels]:
    low, high = colour_limits(values, low)
    return f"{title}: {low:.3g} to {high:.3g}", blend(picture, magma(stretch(values, low, high)))
