"""Type 24: oversharpening."""

from __future__ import annotations

from tfiqa.distortions.blurs import gaussian
from tfiqa.distortions.family import Call, Picture, clipped, distortion
from tfiqa.distortions.lab import from_lab, to_lab

SIGMA = 3.0


@distortion("high_sharpen")
def high_sharpen(call: Call) -> Picture:
    """Unsharp masking of the lightness, as MATLAB's imsharpen with radius 3."""
    lab = to_lab(call.picture)
    lightness = lab[..., 0]
    lab[..., 0] = lightness + call.amount * (lightness - gaussian(lightness, SIGMA))
    return clipped(from_lab(lab))
