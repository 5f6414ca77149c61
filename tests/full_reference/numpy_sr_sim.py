"""SR-SIM in float64 with SciPy, as the text of the paper and the authors' file has it."""

import numpy as np
from numpy_matlab import cubic, edges, reduce, resize_axis, resize_to, similarity, stretched, weighted_mean
from scipy import ndimage


def saliency(plane):
    quarter = [-(-side // 4) for side in plane.shape]
    small = resize_axis(resize_axis(plane, quarter[0], 0.25, cubic, 2).T, quarter[1], 0.25, cubic, 2).T
    if np.ptp(small) < 1e-9:
        return np.zeros_like(plane)
    spectrum = np.fft.fft2(small)
    amplitude = np.log(np.abs(spectrum))
    residual = amplitude - ndimage.uniform_filter(amplitude, 3, mode="nearest")
    energy = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    y, x = np.mgrid[:10, :10] - 4.5
    window = np.exp(-(x**2 + y**2) / (2 * 3.8**2))
    # SciPy's window of output i covers i-5 .. i+4, an origin of -1 shifts it to i-4 .. i+5.
    blurred = ndimage.correlate(energy, window / window.sum(), mode="constant", origin=-1)
    return resize_to(stretched(blurred), *plane.shape, cubic, 2)


def sr_sim(reference, distorted):
    x, y = (reduce(np.asarray(picture, np.float64) @ [0.299, 0.587, 0.114]) for picture in (reference, distorted))
    salient = saliency(x), saliency(y)
    quality = similarity(*salient, 0.40) * similarity(edges(x), edges(y), 225) ** 0.5
    return weighted_mean(quality, np.maximum(*salient))
