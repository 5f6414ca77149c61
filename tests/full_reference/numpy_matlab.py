"""What VSI and SR-SIM take from MATLAB, in float64, sample after sample."""

import numpy as np
from scipy import ndimage

SCHARR = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16


def cubic(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def linear(x):
    return max(0.0, 1 - abs(x))


def resize_axis(plane, count, scale, kernel, reach):
    """imresize along axis 0: `kernel` is 0 beyond `reach`, and as much wider as the picture shrinks."""
    size, stretch = len(plane), min(1.0, scale)
    rows = []
    for j in range(1, count + 1):
        centre = j / scale + 0.5 * (1 - 1 / scale)
        taps = range(int(np.floor(centre - reach / stretch)), int(np.ceil(centre + reach / stretch)) + 1)
        weights = np.array([kernel(stretch * (centre - k)) for k in taps])
        row = 0
        for k, weight in zip(taps, weights / weights.sum(), strict=True):
            while not 1 <= k <= size:  # mirrored, the edge repeated
                k = 1 - k if k < 1 else 2 * size + 1 - k
            row = row + weight * plane[k - 1]
        rows.append(row)
    return np.array(rows)


def resize_to(plane, height, width, kernel, reach):
    tall = resize_axis(plane, height, height / plane.shape[0], kernel, reach)
    return resize_axis(tall.T, width, width / plane.shape[1], kernel, reach).T


def reduce(plane):
    """Box means with zeros outside, brought near 256 pixels."""
    factor = max(1, int(np.floor(min(plane.shape) / 256 + 0.5)))
    before = (factor - 1) // 2
    padded = np.pad(plane, (before, factor - 1 - before))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (factor, factor))
    return windows[::factor, ::factor].mean(axis=(-2, -1))


def edges(plane):
    return np.hypot(*(ndimage.convolve(plane, kernel, mode="constant") for kernel in (SCHARR, SCHARR.T)))


def similarity(a, b, constant):
    return (2 * a * b + constant) / (a**2 + b**2 + constant)


def stretched(plane):
    """Brought to [0, 1]; a flat plane to 0."""
    spread = plane.max() - plane.min()
    return (plane - plane.min()) / spread if spread > 0 else np.zeros_like(plane)


def weighted_mean(quality, weights):
    return np.average(quality, weights=weights) if weights.any() else quality.mean()
