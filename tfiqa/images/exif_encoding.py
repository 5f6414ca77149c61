"""EXIF tags as the eight numbers of SPAQ's model MT-E.

Reference: Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, "Perceptual Quality Assessment of Smartphone Photography", CVPR 2020,
sections 3.1 and 5.2, which leave the encoding open. It follows the workbook of the release (11,125 pictures, the tags
and the encoded numbers) and the authors' code:

- aperture and exposure time are APEX values with the roundings and faults of cameras, so the tags ApertureValue and
  ShutterSpeedValue: f/2.2 is 2.27 for some phones and 2.275007 for others;
- sensitivity is log2(ISO / 3.2) in every row, where the standard has log2(ISO / 3.125);
- brightness is aperture + time - sensitivity in every row, also where the camera wrote a BrightnessValue;
- the time of day is the sine, then the cosine, of 2 pi hour / 24 with the whole hour: this order puts the night scenes
  after 18 o'clock, the other between 6 and 12.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import UnknownName
from tfiqa.images.exif import ExifTags
from tfiqa.registry import unknown_name

# The order of the model's input, which is also that of the workbook's columns. `databases` calls the columns exif_*.
EXIF_VECTOR = (
    "focal_length",  # mm
    "aperture_value",
    "time_value",
    "brightness_value",
    "sensitivity_value",
    "flash",  # 1 fired, 0 not
    "time_sin",
    "time_cos",
)

# The camera's own APEX values differ from those computed from F-number and exposure time. Some phones write the same
# ShutterSpeedValue whatever the exposure: 29.8973 for 1,567 of SPAQ's pictures.
ApexSource = Literal["camera", "computed"]
APEX_SOURCES: tuple[ApexSource, ...] = get_args(ApexSource)

SENSITIVITY_UNIT = 3.2  # the ISO whose sensitivity value is 0

# One mean and one deviation for all eight numbers, flash and time of day too: the constants of the authors' code.
EXIF_MEAN = 3.3985
EXIF_DEVIATION = 5.6570


def encode_exif(tags: ExifTags, apex: ApexSource = "camera") -> NDArray[np.float64]:
    """The eight numbers, not normalised.

    Args:
        tags: of one picture.
        apex: "camera" takes ApertureValue and ShutterSpeedValue where the camera wrote them, as SPAQ's workbook does;
            "computed" has 2 log2(F) and -log2(seconds) first. Each falls back on the other.

    Returns:
        float64 (8,) in the order of EXIF_VECTOR, NaN where a tag is missing. Brightness is aperture + time -
        sensitivity, and the camera's BrightnessValue only where one of the three is missing.

    Raises:
        UnknownName: `apex` is neither.
    """
    if apex not in APEX_SOURCES:
        raise UnknownName(unknown_name("source of APEX values", apex, APEX_SOURCES))
    aperture, time = float(aperture_value(_nan(tags.f_number))), float(time_value(_nan(tags.exposure_time)))
    if apex == "camera":
        aperture = aperture if tags.aperture_value is None else tags.aperture_value
        time = time if tags.shutter_speed_value is None else tags.shutter_speed_value
    sensitivity = float(sensitivity_value(_nan(tags.iso)))
    brightness = aperture + time - sensitivity
    if np.isnan(brightness):
        brightness = _nan(tags.brightness_value)
    angle = 2 * np.pi * (np.nan if tags.date_time is None else tags.date_time.hour) / 24
    flash = _nan(tags.flash)
    return np.array(
        [_nan(tags.focal_length), aperture, time, brightness, sensitivity, flash, np.sin(angle), np.cos(angle)]
    )


def normalise_exif(vectors: ArrayLike) -> NDArray[np.float64]:
    """What MT-E takes as its input `exif`: (x - EXIF_MEAN) / EXIF_DEVIATION, and 0 for what is missing.

    The model adds a weighted sum without bias to its score, so that a missing number adds nothing and a picture without
    EXIF, all zeros, keeps its generic score (section 5.2: MT-E "reduces gracefully to BL").

    Args:
        vectors: (..., 8) as `encode_exif` or a manifest's exif_* columns have them, NaN where missing.

    Returns:
        float64 of the same shape, without NaN.
    """
    normalised = (np.asarray(vectors, np.float64) - EXIF_MEAN) / EXIF_DEVIATION
    return np.where(np.isnan(normalised), 0.0, normalised)


def aperture_value(f_number: ArrayLike) -> NDArray[np.float64]:
    """APEX aperture 2 log2(F), in steps of one stop; NaN where the F-number is not positive."""
    return 2 * _log2(f_number)


def time_value(exposure_time: ArrayLike) -> NDArray[np.float64]:
    """APEX time -log2(t), in steps of one stop, of t in seconds; NaN where it is not positive."""
    return -_log2(exposure_time)


def sensitivity_value(iso: ArrayLike) -> NDArray[np.float64]:
    """Sensitivity log2(ISO / 3.2) as in SPAQ's workbook; NaN where the ISO is not positive."""
    return _log2(np.asarray(iso, np.float64) / SENSITIVITY_UNIT)


def _log2(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, np.float64)
    return np.log2(np.where(numbers > 0, numbers, np.nan))


def _nan(value: float | None) -> float:
    return np.nan if value is None else value
