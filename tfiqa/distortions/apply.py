"""Distorting one picture."""

from __future__ import annotations

import hashlib
import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfiqa.distortions.family import Bytes, Call, to_bytes
from tfiqa.distortions.levels import DISTORTIONS, LEVELS, NUMBERS
from tfiqa.distortions.stretch import stretched
from tfiqa.errors import InvalidInput

MOST_SEED = 2**64 - 1
SMALLEST_SIDE = 32  # that of a color block


def apply(name: str, image: ArrayLike, level: int, seed: int = 0, *, draw: Any = None, stretch: bool = True) -> Bytes:
    """Distorts a picture as KADID-10k's program does (Lin, Hosu and Saupe, QoMEX 2019; its MATLAB release).

    The program stretches the contrast of the picture, all channels together, to the full range before the distortion and
    again after it. So a picture whose values do not span 0..255 differs from all its distorted versions, and whatever
    exceeds the range compresses the contrast instead of being cut off.

    Args:
        name: one of `NAMES`.
        image: uint8 (H, W, 3), RGB; (H, W) and (H, W, 1) are taken for three equal channels. Sides of 32 pixels or more.
        level: 1 (slight) to 5 (strong); mean_shift and contrast_change are signed, and 3 is their mildest.
        seed: of the random choices, 0 to 2**64 - 1. They depend on type, seed and picture, and may change with NumPy's version.
            The levels share them: the noise of level 5 is that of level 1 made stronger, the blocks of level 1 are among
            those of level 5. (KADID's program draws anew for each level; take another seed for each to do so.)
        draw: the random choices themselves, in place of drawn ones: motion_blur an angle in degrees, counter-clockwise;
            color_shift (rows, columns); non_eccentricity_patch [((row, column), (row, column)), ...], from and to;
            color_block [((row, column), (R, G, B) in 0..1), ...].
        stretch: False leaves both stretches out; what exceeds the range is then cut off.

    Returns:
        uint8 (H, W, 3).

    Raises:
        UnknownName: no such distortion.
        InvalidInput: another kind of picture, level or seed, or a `draw` that does not fit the type.
    """
    from tfiqa.distortions.types import FUNCTIONS  # loads much that the table of levels does not need

    entry = FUNCTIONS.get(name)
    pixels = _pixels(image)
    level, seed = _whole("level", level, low=LEVELS[0], high=LEVELS[-1]), _whole("seed", seed, low=0, high=MOST_SEED)
    if draw is not None and not entry.metadata["takes_draw"]:
        takers = ", ".join(each.name for each in FUNCTIONS if each.metadata["takes_draw"])
        raise InvalidInput(f"{name} takes no draw; these do: {takers}")
    number = NUMBERS[name]
    picture = pixels / 255.0
    if stretch:
        picture = stretched(picture)
    call = Call(picture, DISTORTIONS[number - 1].amounts[level - 1], _random(pixels, number, seed), draw)
    distorted = entry.value(call)
    return to_bytes(stretched(distorted) if stretch else distorted)


def _whole(what: str, value: Any, *, low: int, high: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:  # not even 3.0, which a table of mixed columns makes of 3 and which would draw otherwise
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise InvalidInput(f"a {what} is a whole number from {low} to {high}. Received: {value!r}")
    return number


def _pixels(image: ArrayLike) -> Bytes:
    try:
        pixels = np.asarray(image)
    except ValueError:
        raise InvalidInput("a picture is uint8 (H, W, 3) or (H, W). Received: rows of unequal length") from None
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise InvalidInput(f"a picture is uint8 (H, W, 3) or (H, W). Received: {pixels.dtype} {np.shape(image)}")
    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        height, width = pixels.shape[:2]
        raise InvalidInput(f"a picture needs sides of at least {SMALLEST_SIDE} pixels. Received: {width}x{height}")
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _random(pixels: Bytes, number: int, seed: int) -> np.random.Generator:
    """A generator of its own for each type, seed and picture, so that no two pictures get the same noise."""
    digest = hashlib.blake2b(f"{number} {seed} {pixels.shape}".encode())
    digest.update(pixels.data)
    return np.random.default_rng(int.from_bytes(digest.digest(), "little"))
