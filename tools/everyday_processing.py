"""What happens to photographs that are fine: people and services crop, scale, tone, sharpen and compress them a little."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

Picture = NDArray[np.uint8]

CROPPED = (0.4, 1.0)  # of the sides, drawn evenly
MOST_ENLARGED = 1.25
# Each drawn evenly from its range.
GAMMA = (0.8, 1.25)
SATURATION = (0.7, 1.3)
CONTRAST = (0.85, 1.2)
SHARPENING = (0, 100)  # percent, of what a blur of RADIUS takes away
RADIUS = 1.0
QUALITY = (60, 96)  # of JPEG
LIKELY = 0.5  # how often each is done


def processed(picture: Picture, side: int, random: np.random.Generator) -> Picture:
    """A part of a picture (H, W, 3) as it could have come from another camera or service, no worse to most eyes.

    Args:
        picture: uint8, RGB.
        side: pixels of the shorter side, fewer where that enlarges more than MOST_ENLARGED.
        random: all the rest.
    """
    image = _part(Image.fromarray(picture), side, random)
    gamma, saturation, contrast, sharpening, quality = (
        random.uniform(*each) for each in (GAMMA, SATURATION, CONTRAST, SHARPENING, QUALITY)
    )
    toned, colored, contrasted, sharpened, compressed = random.random(5) < LIKELY
    if toned:
        image = image.point([round(255 * (value / 255) ** gamma) for value in range(256)] * 3)
    if colored:
        image = ImageEnhance.Color(image).enhance(saturation)
    if contrasted:
        image = ImageEnhance.Contrast(image).enhance(contrast)
    if sharpened:
        image = image.filter(ImageFilter.UnsharpMask(RADIUS, round(sharpening), 0))
    if compressed:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=round(quality), subsampling=random.choice(["4:4:4", "4:2:0"]))
        image = Image.open(stream)
    return np.asarray(image)


def _part(image: Image.Image, side: int, random: np.random.Generator) -> Image.Image:
    share = random.uniform(*CROPPED)
    width, height = (round(share * each) for each in image.size)
    left, top = (
        int(random.integers(whole - part + 1)) for whole, part in zip(image.size, (width, height), strict=True)
    )
    factor = min(side / min(width, height), MOST_ENLARGED)
    size = round(factor * width), round(factor * height)
    return image.crop((left, top, left + width, top + height)).resize(size, Image.Resampling.BICUBIC)
