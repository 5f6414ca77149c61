"""How a type of distortion is declared: a function of a picture in doubles, entered under its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.registry import Registry

Picture = NDArray[np.float64]  # (H, W, 3), RGB; 0..1 on the way in, whatever comes of it on the way out
Bytes = NDArray[np.uint8]  # (H, W, 3), RGB 0..255
FUNCTIONS: Registry[Callable[[Call], Picture]] = Registry("distortion")


@dataclass(frozen=True)
class Call:
    """What a distortion is given.

    Args:
        picture: (H, W, 3), 0..1.
        amount: the level's parameter, of `levels.DISTORTIONS`.
        random: where the random choices come from.
        draw: the random choices, where the caller gives them; None to draw them.
    """

    picture: Picture
    amount: float
    random: np.random.Generator
    draw: Any = None


def distortion(
    name: str, *, takes_draw: bool = False
) -> Callable[[Callable[[Call], Picture]], Callable[[Call], Picture]]:
    """Enters a function under one of the names of `levels.NAMES`; `takes_draw`: its random choices can be given."""
    return FUNCTIONS.register(name, takes_draw=takes_draw)


def clipped(picture: Picture) -> Picture:
    """Limited to 0..1."""
    return np.clip(picture, 0.0, 1.0)


def to_bytes(picture: Picture) -> Bytes:
    """0..1 to 0..255, halves rounded up; values beyond are limited."""
    return np.clip(np.floor(255.0 * picture + 0.5), 0, 255).astype(np.uint8)
