"""All types of distortion, entered: importing this loads SciPy and scikit-image, so `apply` does it at its first call."""

from tfiqa.distortions import (
    blurs,
    brightness,
    color,
    color_quantization,
    compression,
    denoise,
    noise,
    quantization,
    sharpness,
    spatial,
)
from tfiqa.distortions.family import FUNCTIONS

__all__ = [
    "FUNCTIONS",
    "blurs",
    "brightness",
    "color",
    "color_quantization",
    "compression",
    "denoise",
    "noise",
    "quantization",
    "sharpness",
    "spatial",
]
