"""BRISQUE's and NIQE's statistics the plain way: one window, one array and one grid search at a time."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import gamma

GRID = np.arange(0.2, 10.0005, 0.001)


def window():
    offsets = np.arange(-3, 4)
    squares = offsets[:, None] ** 2 + offsets**2
    bell = np.exp(-squares / (2 * (7 / 6) ** 2))
    return bell / bell.sum()


def normalised(grey, mode):
    """`mode` as np.pad names the border. The normalised luminance and the local deviation."""
    windows = sliding_window_view(np.pad(grey, 3, mode=mode), (7, 7))
    mean, square = ((window() * seen).sum(axis=(2, 3)) for seen in (windows, windows**2))
    deviations = np.sqrt(np.abs(square - mean**2))
    values = (grey - mean) / (deviations + 1)
    values[np.abs(values) < 1e-9] = 0
    return values, deviations


def ggd(x):
    wanted = np.mean(x**2) / np.mean(np.abs(x)) ** 2
    ratios = gamma(1 / GRID) * gamma(3 / GRID) / gamma(2 / GRID) ** 2
    return GRID[np.argmin(np.abs(wanted - ratios))], np.mean(x**2)


def aggd(x):
    """Shape, and the betas of both sides."""
    left, right = np.sqrt(np.mean(x[x < 0] ** 2)), np.sqrt(np.mean(x[x > 0] ** 2))
    q = left / right
    r = np.mean(np.abs(x)) ** 2 / np.mean(x**2)
    wanted = r * (q**3 + 1) * (q + 1) / (q**2 + 1) ** 2
    shape = GRID[np.argmin((gamma(2 / GRID) ** 2 / (gamma(1 / GRID) * gamma(3 / GRID)) - wanted) ** 2)]
    spread = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * spread, right * spread


def aggd_mean(shape, left, right):
    """Of the betas of both sides."""
    return (right - left) * gamma(2 / shape) / gamma(1 / shape)


def texture(height, width, seed=0, *, channels=()):
    """Smooth waves and noise, uint8."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = 127 + 60 * np.sin(rows / 7) + 40 * np.cos(columns / 11 + rows / 23)
    noise = random.normal(0, 12, (height, width, *channels))
    return np.clip(waves.reshape(height, width, *(1 for _ in channels)) + noise, 0, 255).astype(np.uint8)
