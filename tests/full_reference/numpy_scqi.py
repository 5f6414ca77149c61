"""The SC-QI of `tfiqa.full_reference.scqi` in float64, block after block with SciPy's DCT."""

import numpy as np
from scipy.fft import dctn

LMN = np.array([[0.06, 0.63, 0.27], [0.30, 0.04, -0.35], [0.34, -0.60, 0.17]])


def reduced_lmn(picture):
    """Planes of luminance and opponent colours, box means over factor x factor pixels with zeros outside."""
    planes = np.asarray(picture, np.float64) @ LMN.T
    factor = max(1, int(np.floor(min(planes.shape[:2]) / 256 + 0.5)))
    before = (factor - 1) // 2
    around = (before, factor - 1 - before)
    padded = np.pad(planes, (around, around, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (factor, factor), (0, 1))
    return windows[::factor, ::factor].mean((-2, -1))


def features(planes):
    """Structural contrast, amplitudes of three bands, and colours of a 4x4x3 block."""
    coefficients = dctn(planes[..., 0], norm="ortho")
    frequency = np.add.outer(range(4), range(4))
    others = coefficients[frequency > 0]
    spread, fourth = np.mean(others**2), np.mean(others**4)
    contrast = np.sqrt(spread + 1e-6) * (spread**2 + 1e-12) / (fourth + 1e-12)
    bands = [
        np.sqrt(np.sum(coefficients[(frequency > 0) & low_to_high] ** 2) + 1e-6) for low_to_high in thirds(frequency)
    ]
    return contrast, bands, planes[..., 1:].mean((0, 1))


def thirds(frequency):
    return frequency <= 2, (frequency >= 3) & (frequency <= 4), frequency >= 5


def likeness(a, b, constant):
    return (2 * a * b + constant) / (a**2 + b**2 + constant)


def scqi(reference, distorted):
    x, y = reduced_lmn(reference), reduced_lmn(distorted)
    quality, weights = [], []
    for row in range(0, x.shape[0] - 3, 4):
        for column in range(0, x.shape[1] - 3, 4):
            block = slice(row, row + 4), slice(column, column + 4)
            (s, bands, colours), (t, other_bands, other_colours) = features(x[block]), features(y[block])
            value = likeness(s, t, 30)
            for a, b in zip(bands, other_bands, strict=True):
                value *= np.cbrt(likeness(a, b, 100))
            colour = np.prod([likeness(a, b, 130) for a, b in zip(colours, other_colours, strict=True)])
            quality.append(value * (complex(colour) ** 0.02).real)
            weights.append(max(s, t))
    return np.average(quality, weights=weights)
