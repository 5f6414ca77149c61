"""The ADD-GSIM of `tfiqa.full_reference.add_gsim` in float64 with SciPy, ranks taken value after value."""

import numpy as np
from numpy_ssim import grey_u8, reduce_mirrored
from scipy import ndimage, stats

SCHARR = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16


def edges(plane):
    return np.hypot(*(ndimage.correlate(plane, kernel, mode="constant") for kernel in (SCHARR, SCHARR.T)))


def likeness(a, b, constant):
    return (2 * a * b + constant) / (a**2 + b**2 + constant)


def ranked_mean(quality):
    quality = quality.ravel()
    ranks = (
        stats.rankdata(np.floor(1023 * quality + 0.5)) - 0.5
    ) / quality.size  # ties share the middle of their ranks
    return np.average(quality, weights=(1 - ranks) ** 2)


def entropy(plane):
    return stats.entropy(np.unique(np.clip(plane, 0, 255), return_counts=True)[1], base=2)


def add_gsim(reference, distorted):
    x, y = grey_u8(reference), grey_u8(distorted)
    multiplier = (8 + entropy(x)) / (8 + entropy(y))
    factor = max(1, int(np.floor(min(x.shape) / 256 + 0.5)))
    x, y = reduce_mirrored(x, factor), reduce_mirrored(y, factor)
    adjuster = likeness(edges(x).mean(), edges(y).mean(), 1)
    quality = []
    for _ in range(3):
        quality.append(ranked_mean(likeness(edges(x), edges(y), 170)))
        x, y = reduce_mirrored(x, 2), reduce_mirrored(y, 2)
    return (stats.gmean(quality) * adjuster) ** multiplier
