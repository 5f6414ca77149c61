"""Pairs of a scene and a distorted version of it, small and of any size."""

import numpy as np
from scenes import scene
from scipy import ndimage


def scene_pair(height, width, kind="noise", seed=0):
    """Two uint8 pictures (height, width, 3): a scene with some texture, and the same after noise, blur or a dark filter."""
    rng = np.random.default_rng(seed)
    reference = np.clip(scene(seed, height, width) + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)
    if kind == "noise":
        distorted = reference + rng.normal(0, 20, reference.shape)
    elif kind == "blur":
        distorted = ndimage.gaussian_filter(reference.astype(float), (1.5, 1.5, 0))
    else:
        distorted = reference * 0.6
    return reference, np.clip(distorted, 0, 255).astype(np.uint8)


def scene_pairs(height, width):
    """Batches of the three kinds of distortion: (3, height, width, 3) twice."""
    pairs = [scene_pair(height, width, kind, seed) for seed, kind in enumerate(("noise", "blur", "dark"))]
    reference, distorted = (np.stack(pictures) for pictures in zip(*pairs, strict=True))
    return reference, distorted


def slope(function, distorted, direction, step=1e-3):
    """The derivative of a score along a direction by central differences, float64."""
    above, below = (float(function(distorted + sign * step * direction)) for sign in (1, -1))
    return (above - below) / (2 * step)
