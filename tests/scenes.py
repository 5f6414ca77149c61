"""Pictures that look like something."""

import numpy as np


def scene(seed, height=96, width=128):
    """A structured RGB picture: a gradient, discs and bars; uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    picture = np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)], axis=-1)
    for _ in range(12):
        cy, cx, radius = rng.integers(0, height), rng.integers(0, width), rng.integers(4, 24)
        picture[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = rng.integers(0, 256, 3)
    picture[:, :: int(rng.integers(5, 11))] *= 0.6
    return picture.astype(np.uint8)
