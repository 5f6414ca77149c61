"""SFF in float64 NumPy, patch after patch, as the specification says it: slow, for comparison alone."""

import numpy as np


def sff(reference, distorted, basis):
    before, before_means = patches(reference)
    after, after_means = patches(distorted)
    return 0.8 * luminance(before_means, after_means) + 0.2 * features(before, after, basis)


def patches(picture):
    """Each patch as a list of numbers, R, G, B, down the columns; less their mean; and the means."""
    height, width = picture.shape[:2]
    vectors, means = [], []
    for top in range(0, height - 8, 8):
        for left in range(0, width - 8, 8):
            patch = picture[top : top + 8, left : left + 8].astype(float)
            vector = np.concatenate([patch[:, :, channel].flatten(order="F") for channel in range(3)])
            means.append(vector.mean())
            vectors.append(vector - vector.mean())
    return np.array(vectors), np.array(means)


def features(before, after, basis):
    change = np.abs(before - after).mean(axis=1)
    kept = change >= np.median(change)
    a, b = before[kept] @ basis.T, after[kept] @ basis.T
    strength = (a**2).sum(axis=1)
    strong = strength > 0.4 * strength.mean()
    if strong.any():
        a, b = a[strong], b[strong]
    return np.mean((2 * a * b + 0.08) / (a**2 + b**2 + 0.08))


def luminance(before, after):
    change = np.abs(before - after)
    kept = change >= np.median(change)
    x, y = before[kept] - before[kept].mean(), after[kept] - after[kept].mean()
    return (x @ y + 0.001) / (np.sqrt((x @ x) * (y @ y)) + 0.001)
