"""The 25 distortions of KADID-10k and KADIS-700k with the parameter of each level.

The numbers are those of the release's MATLAB program (H. Lin, V. Hosu, D. Saupe, KADID-10k: a large-scale artificially
distorted IQA database, QoMEX 2019), whose paper gives them in part only. Level 1 is meant to be the slightest, 5 the
strongest; `is_signed` marks the two that go from one direction through level 3, the mildest, to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Distortion:
    """One type of distortion.

    Args:
        name: as `apply` takes it.
        parameter: what the amounts are.
        amounts: of levels 1 to 5.
        is_random: whether the seed matters.
        is_signed: whether level 3 is the mildest.
    """

    name: str
    parameter: str
    amounts: tuple[float, float, float, float, float]
    is_random: bool = False
    is_signed: bool = False


# In the order of KADID's type numbers 1, 2, ..., 25, which file names carry (I01_07_03.png: type 7, level 3).
DISTORTIONS: tuple[Distortion, ...] = (
    Distortion("gaussian_blur", "standard deviation in pixels", (0.1, 0.5, 1, 2, 5)),
    Distortion("lens_blur", "radius in pixels", (1, 2, 4, 6, 8)),
    Distortion("motion_blur", "length in pixels", (1, 2, 4, 6, 10), is_random=True),
    Distortion("color_diffusion", "factor of a and b; their blur is 1.5 times it and 2", (1, 3, 6, 8, 12)),
    Distortion("color_shift", "shift of green in pixels", (1, 3, 6, 8, 12), is_random=True),
    Distortion("color_quantization", "colors", (64, 48, 32, 16, 8)),
    Distortion("color_saturation_1", "factor of HSV saturation", (0.4, 0.2, 0.1, 0, -0.4)),
    Distortion("color_saturation_2", "factor of a and b", (1, 2, 3, 6, 9)),
    Distortion("jpeg2000", "compression ratio", (16, 32, 45, 120, 400)),
    Distortion("jpeg", "quality", (43, 36, 24, 7, 4)),
    Distortion("white_noise", "variance, of 0..1", (0.001, 0.002, 0.003, 0.005, 0.01), is_random=True),
    Distortion("white_noise_color", "variance of Y, Cb and Cr", (0.0001, 0.0005, 0.001, 0.002, 0.003), is_random=True),
    Distortion("impulse_noise", "share of samples", (0.001, 0.005, 0.01, 0.02, 0.03), is_random=True),
    Distortion("multiplicative_noise", "variance", (0.001, 0.005, 0.01, 0.02, 0.05), is_random=True),
    Distortion("denoise", "variance of the noise before", (0.01, 0.03, 0.05, 0.1, 0.15), is_random=True),
    Distortion("brighten", "rise of the curve at 1/2, twice", (0.1, 0.2, 0.4, 0.7, 1.1)),
    Distortion("darken", "fall of the curve at 1/2, twice", (0.05, 0.1, 0.2, 0.4, 0.8)),
    Distortion("mean_shift", "offset", (0.15, 0.08, 0, -0.08, -0.15), is_signed=True),
    Distortion("jitter", "standard deviation in pixels, five times", (0.05, 0.1, 0.2, 0.5, 1), is_random=True),
    Distortion("non_eccentricity_patch", "patches", (20, 40, 60, 80, 100), is_random=True),
    Distortion("pixelate", "s; the picture shrinks to 0.95 - s^0.6", (0.01, 0.05, 0.1, 0.2, 0.5)),
    Distortion("quantization", "thresholds", (20, 16, 13, 10, 7)),
    Distortion("color_block", "blocks", (2, 4, 6, 8, 10), is_random=True),
    Distortion("high_sharpen", "amount", (1, 2, 3, 6, 12)),
    Distortion("contrast_change", "amount", (0.3, 0.15, 0, -0.4, -0.6), is_signed=True),
)
NAMES: tuple[str, ...] = tuple(distortion.name for distortion in DISTORTIONS)
NUMBERS: Mapping[str, int] = {name: number for number, name in enumerate(NAMES, start=1)}  # KADID's type numbers
