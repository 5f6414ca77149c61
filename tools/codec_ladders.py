"""Pristine pictures worsened step by step: by codecs, by noise and by blur."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features
from scipy.ndimage import gaussian_filter

from tfiqa.errors import MissingPackage

Picture = NDArray[np.uint8]  # (H, W, 3), RGB
Worsened = tuple[Picture, int | None]  # with the bytes of its file, where there is one


@dataclass(frozen=True)
class Ladder:
    """A way to worsen a picture.

    Args:
        parameter: what the amounts are.
        amounts: from the best to the worst.
        apply: of a picture, an amount and a generator.
    """

    parameter: str
    amounts: tuple[float, ...]
    apply: Callable[[Picture, float, np.random.Generator], Worsened]


def jpeg(picture: Picture, quality: float, random: np.random.Generator) -> Worsened:
    """Baseline JPEG, chroma at half the size."""
    return _coded(picture, "JPEG", quality=int(quality), subsampling="4:2:0")


def jpeg2000(picture: Picture, ratio: float, random: np.random.Generator) -> Worsened:
    """JPEG 2000's irreversible 9/7 wavelet at a compression ratio."""
    return _coded(picture, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[ratio])


def webp(picture: Picture, quality: float, random: np.random.Generator) -> Worsened:
    """Lossy WebP."""
    return _coded(picture, "WEBP", quality=int(quality))


def avif(picture: Picture, quality: float, random: np.random.Generator) -> Worsened:
    """AVIF."""
    return _coded(picture, "AVIF", quality=int(quality))


def h265(picture: Picture, quality: float, random: np.random.Generator) -> Worsened:
    """A still in H.265 as HEIF, x265's quality."""
    return _coded(picture, "HEIF", quality=int(quality))


def white_noise(picture: Picture, deviation: float, random: np.random.Generator) -> Worsened:
    """Normal noise in R, G and B, its deviation of 0..1; what exceeds the range is cut off."""
    return _to_bytes(picture / 255.0 + deviation * random.normal(size=picture.shape)), None


def gaussian_blur(picture: Picture, deviation: float, random: np.random.Generator) -> Worsened:
    """A Gaussian in R, G and B, its deviation in pixels."""
    return _to_bytes(gaussian_filter(picture / 255.0, (deviation, deviation, 0))), None


CODECS = {
    "jpeg": Ladder("quality", (90, 70, 50, 30, 18, 10, 5), jpeg),
    "jpeg2000": Ladder("compression ratio", (8, 16, 32, 64, 128, 256), jpeg2000),
    "webp": Ladder("quality", (90, 70, 50, 30, 10, 1), webp),
    "avif": Ladder("quality", (80, 65, 50, 35, 20, 5), avif),
    "h265": Ladder("quality", (80, 65, 50, 35, 20, 5), h265),
}
# Two more of LIVE's types; the amounts are ours.
OTHERS = {
    "white_noise": Ladder("deviation of 0..1", (0.02, 0.05, 0.1, 0.2, 0.4, 0.8), white_noise),
    "gaussian_blur": Ladder("deviation in pixels", (0.5, 1, 2, 4, 8, 12), gaussian_blur),
}


def need_codecs(names: Sequence[str]) -> None:
    """Raises MissingPackage where a codec of `CODECS` is not there."""
    without = ", ".join(f"--codec {name}" for name in CODECS if name in names and name not in ("avif", "h265"))
    if "avif" in names and not features.check("avif"):
        raise MissingPackage(f"this Pillow has no AVIF: install another, or name the codecs without it ({without})")
    if "h265" in names:
        try:
            import_module("pillow_heif").register_heif_opener()
        except ImportError:
            raise MissingPackage(
                f"H.265 needs pillow-heif: `pip install pillow-heif`, or name the codecs without it ({without})"
            ) from None


def _coded(picture: Picture, form: str, **options: Any) -> Worsened:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, form, **options)
    with Image.open(stream) as image:
        return np.asarray(image.convert("RGB")), len(stream.getvalue())


def _to_bytes(picture: NDArray[np.float64]) -> Picture:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
