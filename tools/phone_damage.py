"""What goes wrong when a phone takes a picture, simulated where it happens: light in linear units, electrons, optics, files.

Every function takes a picture, uint8 (H, W, 3), RGB in sRGB's encoding, and gives another of the same size. The random ones
take the generator; the same seed at another strength is the same hand and the same draw of noise, weaker or stronger.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import convolve, uniform_filter
from scipy.signal import fftconvolve

Picture = NDArray[np.uint8]
Light = NDArray[np.float64]  # (H, W, 3), 0 to 1, proportional to the light

READ_NOISE = 3.0  # electrons, standard deviation
DAYLIGHT = 6000.0  # electrons at white of a small pixel at its lowest sensitivity
AIRLIGHT = 0.8  # of white: what haze adds, grey
MOMENTS = 200  # of the path of a shaken camera
SUPERSAMPLED = 8  # a side, of a disc's pixels
SMEAR_RADIUS = 3  # pixels, of the denoiser's windows of 7x7
SMEAR_BLOCK = 8  # pixels; colour is averaged over such blocks' size
BAYER = np.array([[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]])


def to_light(picture: Picture) -> Light:
    """The linear light that sRGB (IEC 61966-2-1) encodes."""
    encoded = picture / 255.0
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def to_picture(light: Light) -> Picture:
    """Light in sRGB's encoding; what is below 0 or above 1 is cut off."""
    light = np.clip(light, 0, 1)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(encoded * 255).astype(np.uint8)


def dark(picture: Picture, stops: float, random: np.random.Generator) -> Picture:
    """Exposed too short by so many stops and left so, with the noise of daylight's sensitivity."""
    return to_picture(_noisy(to_light(picture) * 2.0**-stops, DAYLIGHT, random))


def overexposed(picture: Picture, stops: float, random: np.random.Generator) -> Picture:
    """Exposed too long by so many stops: what is brighter than white is lost."""
    return to_picture(to_light(picture) * 2.0**stops)


def defocused(picture: Picture, radius: float, random: np.random.Generator) -> Picture:
    """Out of focus: every point becomes a disc of this radius in pixels."""
    return _spread(picture, _disc(radius))


def shaken(picture: Picture, length: float, random: np.random.Generator) -> Picture:
    """The camera moved during the exposure, along a smooth path whose ends and bends are within `length` pixels."""
    speed = np.cumsum(random.normal(size=(MOMENTS, 2)), axis=0) / np.sqrt(MOMENTS) + random.normal(size=2)
    path = np.cumsum(speed, axis=0)
    path -= path.mean(axis=0)
    widest = np.sqrt(((path[:, None] - path[None]) ** 2).sum(axis=-1)).max()
    return _spread(picture, _trace(path * (length / widest)))


def noisy(picture: Picture, electrons: float, random: np.random.Generator) -> Picture:
    """High sensitivity: white is so few electrons; shot and read noise, spread by the interpolation of Bayer's mosaic."""
    return to_picture(_noisy(to_light(picture), electrons, random))


def smeared(picture: Picture, electrons: float, random: np.random.Generator) -> Picture:
    """`noisy`, and then denoised too hard: fine detail becomes patches, colour runs.

    The filter of luma is guided by itself (He, Sun and Tang, Guided image filtering, 2010), with an edge's least height set by
    the noise; colour differences are blurred.
    """
    encoded = noisy(picture, electrons, random) / 255.0
    luma = encoded @ np.array([0.299, 0.587, 0.114])
    height = 3.0 * float(np.abs(luma[:, 1:] - luma[:, :-1]).mean())
    window = 2 * SMEAR_RADIUS + 1
    mean = uniform_filter(luma, window)
    variance = uniform_filter(luma * luma, window) - mean * mean
    slope = variance / (variance + height**2)
    kept, offset = uniform_filter(slope, window), uniform_filter(mean * (1 - slope), window)
    colour = np.stack([uniform_filter(encoded[..., c] - luma, SMEAR_BLOCK) for c in range(3)], axis=-1)
    return np.rint(np.clip((kept * luma + offset)[..., None] + colour, 0, 1) * 255).astype(np.uint8)


def compressed(picture: Picture, quality: float, random: np.random.Generator) -> Picture:
    """A JPEG file of this quality, chroma at half the size."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=int(quality), subsampling="4:2:0")
    with Image.open(stream) as image:
        return np.asarray(image)


def enlarged(picture: Picture, factor: float, random: np.random.Generator) -> Picture:
    """Reduced by a factor, as when sent as a thumbnail, and enlarged again."""
    height, width = picture.shape[:2]
    small = Image.fromarray(picture).resize((round(width / factor), round(height / factor)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def hazy(picture: Picture, transmission: float, random: np.random.Generator) -> Picture:
    """Haze, or a greasy lens: of the light so much comes through, and grey light fills up the rest."""
    return to_picture(to_light(picture) * transmission + AIRLIGHT * (1 - transmission))


@dataclass(frozen=True)
class Damage:
    """A kind of damage.

    Args:
        apply: the function of a picture, an amount and a generator.
        mild: the amount that anybody sees.
        strong: the amount that spoils the picture.
    """

    apply: Callable[[Picture, float, np.random.Generator], Picture]
    mild: float
    strong: float


KINDS = {
    "dark": Damage(dark, 2, 4),
    "overexposed": Damage(overexposed, 1.5, 3),
    "defocused": Damage(defocused, 2, 5),
    "shaken": Damage(shaken, 7, 20),
    "noisy": Damage(noisy, 400, 60),
    "smeared": Damage(smeared, 400, 60),
    "compressed": Damage(compressed, 18, 5),
    "enlarged": Damage(enlarged, 2.5, 6),
    "hazy": Damage(hazy, 0.7, 0.3),
}


def _noisy(light: Light, electrons: float, random: np.random.Generator) -> Light:
    """With the noise of a sensor whose white is so many electrons."""
    deviation = np.sqrt(light * electrons + READ_NOISE**2) / electrons
    noise = random.normal(size=light.shape) * deviation
    mosaic = np.zeros_like(noise)
    mosaic[::2, ::2, 0], mosaic[1::2, 1::2, 2] = noise[::2, ::2, 0], noise[1::2, 1::2, 2]
    mosaic[::2, 1::2, 1], mosaic[1::2, ::2, 1] = noise[::2, 1::2, 1], noise[1::2, ::2, 1]
    green = np.array([[0, 0.25, 0], [0.25, 1, 0.25], [0, 0.25, 0]])
    kernels = (BAYER, green, BAYER)
    return light + np.stack([convolve(mosaic[..., c], kernels[c], mode="mirror") for c in range(3)], axis=-1)


def _disc(radius: float) -> Light:
    side = 2 * int(np.ceil(radius)) + 1
    places = (np.arange(side * SUPERSAMPLED) + 0.5) / SUPERSAMPLED - side / 2
    inside = places[:, None] ** 2 + places[None] ** 2 <= radius**2
    return _normal(inside.reshape(side, SUPERSAMPLED, side, SUPERSAMPLED).mean(axis=(1, 3)))


def _trace(path: Light) -> Light:
    """The share of the time (rows, columns) that a path (moments, 2) in pixels around the middle spends at each pixel."""
    reach = int(np.ceil(np.abs(path).max())) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    corner = np.floor(path).astype(int)
    part = path - corner
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
            np.add.at(kernel, (corner[:, 0] + down + reach, corner[:, 1] + right + reach), weight)
    return _normal(kernel)


def _normal(kernel: Light) -> Light:
    return kernel / kernel.sum()


def _spread(picture: Picture, kernel: Light) -> Picture:
    """Convolved in linear light, the picture mirrored at its borders."""
    around = kernel.shape[0] // 2
    padded = np.pad(to_light(picture), ((around, around), (around, around), (0, 0)), mode="reflect")
    return to_picture(fftconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1)))
