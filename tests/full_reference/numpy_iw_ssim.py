"""IW-SSIM in float64 NumPy and SciPy, step after step as the specification says it: slow, for comparison alone."""

import numpy as np
from numpy_ssim import GREYS, maps
from scipy.ndimage import correlate1d, uniform_filter

TAPS = np.sqrt(2) / 16 * np.array([1, 4, 6, 4, 1])
WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
NOISE, TOLERANCE = 0.4, 1e-15


def smooth(plane):
    """SciPy's "mirror" reflects without repeating the edge."""
    return correlate1d(correlate1d(plane, TAPS, axis=0, mode="mirror"), TAPS, axis=1, mode="mirror")


def pyramid(plane, levels=5):
    bands = []
    for _ in range(levels - 1):
        low = smooth(plane)[::2, ::2]
        stuffed = np.zeros_like(plane)
        stuffed[::2, ::2] = low
        bands.append(plane - smooth(stuffed))
        plane = low
    return [*bands, plane]


def resize_axis(plane, count):
    """MATLAB's bilinear imresize along axis 0, enlarging, sample after sample."""
    size = len(plane)
    scale = count / size
    rows = []
    for j in range(1, count + 1):
        centre = j / scale + 0.5 * (1 - 1 / scale)
        lower = int(np.floor(centre))
        share = centre - lower
        first, second = (plane[min(max(k, 1), size) - 1] for k in (lower, lower + 1))
        rows.append((1 - share) * first + share * second)
    return np.array(rows)


def enlarge(plane, shape):
    rows, columns = plane.shape
    big = resize_axis(resize_axis(plane, 4 * rows - 3).T, 4 * columns - 3).T
    around = np.zeros((big.shape[0] + 2, big.shape[1] + 2))
    around[1:-1, 1:-1] = big
    around[0] = 2 * around[1] - around[2]
    around[-1] = 2 * around[-2] - around[-3]
    around[:, 0] = 2 * around[:, 1] - around[:, 2]
    around[:, -1] = 2 * around[:, -2] - around[:, -3]
    return around[::2, ::2][: shape[0], : shape[1]]


def information(x, y, parent):
    def mean(plane):
        return uniform_filter(plane, 3, mode="constant")

    mx, my = mean(x), mean(y)
    cov = mean(x * y) - mx * my
    vx, vy = np.maximum(mean(x * x) - mx * mx, 0), np.maximum(mean(y * y) - my * my, 0)
    g = cov / (vx + TOLERANCE)
    v = vy - g * cov
    g[vx < TOLERANCE], v[vx < TOLERANCE] = 0, vy[vx < TOLERANCE]
    g[vy < TOLERANCE], v[vy < TOLERANCE] = 0, 0

    height, width = x.shape
    neighbours = [x[a : height - 2 + a, b : width - 2 + b] for a in range(3) for b in range(3)]
    if parent is not None:
        neighbours.append(enlarge(parent, x.shape)[1:-1, 1:-1])
    vectors = np.array([each.ravel() for each in neighbours])
    cu = vectors @ vectors.T / vectors.shape[1]
    values = np.linalg.eigvalsh(cu)
    positive = np.maximum(values, 0)
    values = positive * values.sum() / positive.sum()
    ss = (vectors * np.linalg.solve(cu, vectors)).sum(0).reshape(height - 2, width - 2) / len(vectors)
    g, v = g[1:-1, 1:-1], v[1:-1, 1:-1]
    weight = sum(np.log2(1 + ((v + (1 + g * g) * NOISE) * ss * each + NOISE * v) / NOISE**2) for each in values)
    weight[weight < TOLERANCE] = 0
    return weight[4:-4, 4:-4]


def iw_ssim(reference, distorted, grey="gray_u8"):
    references, distorteds = pyramid(GREYS[grey](reference)), pyramid(GREYS[grey](distorted))
    means = []
    for level, (x, y) in enumerate(zip(references, distorteds, strict=True)):
        both, structure = maps(x, y)
        if level == 4:
            means.append(both.mean())
        else:
            weight = information(x, y, references[level + 1] if level < 3 else None)
            means.append((structure * weight).sum() / weight.sum())
    return np.prod(np.maximum(means, 0) ** (WEIGHTS / WEIGHTS.sum()))
