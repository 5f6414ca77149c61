"""SSIM in float64 with SciPy, as the text of the paper and the authors' two files has it."""

import numpy as np
from scipy import ndimage

C1, C2 = 6.5025, 58.5225


def grey_u8(picture):
    weights = [0.298936021293775, 0.587043074451121, 0.114020904255103]
    return np.floor(np.asarray(picture, np.float64) @ weights + 0.5)


def y_float(picture):
    return np.asarray(picture, np.float64) @ [0.299, 0.587, 0.114]


GREYS = {"gray_u8": grey_u8, "y_float": y_float}


def reduce_mirrored(plane, factor):
    """Box means over factor x factor pixels with a mirrored border, of which every factor-th is kept."""
    before = (factor - 1) // 2
    padded = np.pad(plane, (before, factor - 1 - before), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (factor, factor))
    return windows[::factor, ::factor].mean(axis=(-2, -1))


def maps(x, y):
    """The SSIM map, and that of its contrast and structure alone."""
    row, column = np.mgrid[-5:6, -5:6]
    window = np.exp(-(row**2 + column**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(plane):
        return ndimage.correlate(plane, window)[5:-5, 5:-5]

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    structure = (2 * cov + C2) / (vx + vy + C2)
    return (2 * mx * my + C1) / (mx**2 + my**2 + C1) * structure, structure


def ssim(reference, distorted, downsample=False, grey="gray_u8"):
    x, y = GREYS[grey](reference), GREYS[grey](distorted)
    factor = max(1, int(np.floor(min(x.shape) / 256 + 0.5)))
    if downsample:
        x, y = reduce_mirrored(x, factor), reduce_mirrored(y, factor)
    return maps(x, y)[0].mean()
