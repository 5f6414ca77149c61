"""MDSI in float64 NumPy and SciPy with complex numbers, as the specification says it: slow, for comparison alone."""

import numpy as np
from scipy.ndimage import correlate

PREWITT = np.array([[1, 0, -1]] * 3) / 3


def mdsi(reference, distorted, combination="sum"):
    l1, h1, m1 = colours(reference)
    l2, h2, m2 = colours(distorted)
    g1, g2, fused = edges(l1), edges(l2), edges((l1 + l2) / 2)
    gs = similarity(g1, g2, 140) + similarity(g2, fused, 55) - similarity(g1, fused, 55)
    cs = (2 * (h1 * h2 + m1 * m2) + 550) / (h1**2 + h2**2 + m1**2 + m2**2 + 550)
    gs, cs = gs.astype(complex), cs.astype(complex)
    q = (0.6 * gs + 0.4 * cs if combination == "sum" else gs**0.2 * cs**0.1) ** 0.25
    return np.abs(q - q.mean()).mean() ** 0.25


def colours(picture):
    r, g, b = (reduced(picture[..., channel].astype(float)) for channel in range(3))
    return (
        0.2989 * r + 0.5870 * g + 0.1140 * b,
        0.30 * r + 0.04 * g - 0.35 * b,
        0.34 * r - 0.60 * g + 0.17 * b,
    )


def reduced(plane):
    factor = max(1, int(np.floor(min(plane.shape) / 256 + 0.5)))
    # SciPy centres an even window one pixel lower than the published code does.
    origin = -1 if factor % 2 == 0 else 0
    box = np.full((factor, factor), 1 / factor**2)
    return correlate(plane, box, mode="constant", origin=origin)[::factor, ::factor]


def edges(plane):
    return np.hypot(correlate(plane, PREWITT, mode="constant"), correlate(plane, PREWITT.T, mode="constant"))


def similarity(a, b, constant):
    return (2 * a * b + constant) / (a**2 + b**2 + constant)
