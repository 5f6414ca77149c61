"""VSI in float64 with SciPy, as the text of the paper and the authors' file has it."""

import numpy as np
from numpy_matlab import edges, linear, reduce, resize_to, similarity, stretched, weighted_mean

SRGB_TO_XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]
D50 = [0.9642, 1.0, 0.8251]


def to_lab(rgb):
    n = rgb / 255
    linear_rgb = np.where(n <= 0.04045, n / 12.92, ((n + 0.055) / 1.055) ** 2.4)
    t = linear_rgb @ np.transpose(SRGB_TO_XYZ) / D50
    fx, fy, fz = np.moveaxis(np.where(t > 0.008856, np.cbrt(t), (903.3 * t + 16) / 116), -1, 0)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def log_gabor():
    u, v = np.meshgrid(*[(np.arange(256) - 128) / 256] * 2)
    radius = np.fft.ifftshift(np.where(u**2 + v**2 > 0.25, 0, np.sqrt(u**2 + v**2)))
    radius[0, 0] = 1
    with np.errstate(divide="ignore"):
        band = np.exp(-(np.log(radius / 0.021) ** 2) / (2 * 1.34**2))
    band[0, 0] = 0
    return band


def saliency(picture):
    picture = np.asarray(picture, np.float64)
    height, width, _ = picture.shape
    if np.ptp(picture, axis=(0, 1)).max() == 0:
        return np.zeros((height, width))  # rounding would make a pattern of it
    small = np.stack([resize_to(channel, 256, 256, linear, 1) for channel in np.moveaxis(picture, -1, 0)], axis=-1)
    lab = to_lab(small)
    filtered = [np.fft.ifft2(np.fft.fft2(channel) * log_gabor()).real for channel in lab]
    row, column = np.mgrid[1:257, 1:257]
    centre = np.exp(-((row - 128) ** 2 + (column - 128) ** 2) / 145**2)
    warm = 1 - np.exp(-(stretched(lab[1]) ** 2 + stretched(lab[2]) ** 2) / 0.001**2)
    return stretched(resize_to(np.linalg.norm(filtered, axis=0) * centre * warm, height, width, linear, 1))


def real_power(x, exponent):
    return (x.astype(complex) ** exponent).real


def vsi(reference, distorted):
    planes = []
    for picture in (reference, distorted):
        r, g, b = np.moveaxis(np.asarray(picture, np.float64), -1, 0)
        colours = (0.06 * r + 0.63 * g + 0.27 * b, 0.30 * r + 0.04 * g - 0.35 * b, 0.34 * r - 0.60 * g + 0.17 * b)
        planes.append([reduce(plane) for plane in (saliency(picture), *colours)])
    (s1, l1, m1, n1), (s2, l2, m2, n2) = planes
    quality = similarity(s1, s2, 1.27) * similarity(edges(l1), edges(l2), 386) ** 0.4
    quality = quality * real_power(similarity(m1, m2, 130) * similarity(n1, n2, 130), 0.02)
    return weighted_mean(quality, np.maximum(s1, s2))
