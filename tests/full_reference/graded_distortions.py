"""A scene under distortions that grow from level to level."""

import io

import numpy as np
from PIL import Image
from scenes import scene
from scipy import ndimage


def _jpeg(picture, quality):
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "JPEG", quality=quality)
    return np.asarray(Image.open(written), np.float64)


def _noise(picture, deviation):
    return picture + np.random.default_rng(2).normal(0, deviation, picture.shape)


# By name: the distortion of a uint8 picture, and its levels from slight to strong.
GRADED = {
    "blur": (lambda x, sigma: ndimage.gaussian_filter(x.astype(float), (sigma, sigma, 0)), (0.5, 1, 2, 4)),
    "noise": (_noise, (3, 8, 15, 30)),
    "jpeg": (_jpeg, (90, 50, 20, 5)),
    "less contrast": (lambda x, factor: 128 + factor * (x - 128.0), (0.9, 0.7, 0.5, 0.2)),
    "more contrast": (lambda x, factor: 128 + factor * (x - 128.0), (1.1, 1.3, 1.7, 2.5)),
    "brighter": (lambda x, shift: x + shift, (10.0, 30.0, 60.0, 100.0)),
    "darker": (lambda x, shift: x - shift, (10.0, 30.0, 60.0, 100.0)),
}


def graded(kind):
    """A uint8 picture (1, H, W, 3) and its distorted versions (levels, H, W, 3), slightest first."""
    distort, levels = GRADED[kind]
    smooth = ndimage.gaussian_filter(scene(3, 192, 256).astype(float), (0.8, 0.8, 0))
    reference = np.clip(_noise(smooth, 4), 0, 255).astype(np.uint8)
    distorted = [np.clip(distort(reference, level) + 0.5, 0, 255).astype(np.uint8) for level in levels]
    return reference[None], np.stack(distorted)
