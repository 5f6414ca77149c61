"""FSIM and FSIMc in float64 with SciPy, as the text of the paper and the authors' file has it."""

import numpy as np
from scipy import ndimage

SCHARR = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16


def reduce_zero_padded(plane):
    """Box means over factor x factor pixels, zeros outside, of which every factor-th is kept."""
    factor = max(1, int(np.floor(min(plane.shape) / 256 + 0.5)))
    before = (factor - 1) // 2
    padded = np.pad(plane, (before, factor - 1 - before))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (factor, factor))
    return windows[::factor, ::factor].mean(axis=(-2, -1))


def frequencies(count):
    if count % 2:
        return np.arange(-(count - 1) / 2, (count - 1) / 2 + 1) / (count - 1)
    return np.arange(-count / 2, count / 2) / count


def log_gabor_filters(height, width):
    """The 16 filters by orientation and scale, each (height, width)."""
    x, y = np.meshgrid(frequencies(width), frequencies(height))
    radius = np.fft.ifftshift(np.sqrt(x**2 + y**2))
    angle = np.fft.ifftshift(np.arctan2(-y, x))
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    filters = []
    for orientation in range(4):
        turn = angle - orientation * np.pi / 4
        distance = np.abs(np.arctan2(np.sin(turn), np.cos(turn)))
        angular = np.exp(-(distance**2) / (2 * (np.pi / 4 / 1.2) ** 2))
        filters.append([])
        for scale in range(4):
            radial = np.exp(-(np.log(radius * 6 * 2**scale) ** 2) / (2 * np.log(0.55) ** 2)) * low_pass
            radial[0, 0] = 0
            filters[-1].append(radial * angular)
    return filters


def phase_congruency(plane):
    spectrum = np.fft.fft2(plane)
    energy_sum, amplitude_sum = np.zeros(plane.shape), np.zeros(plane.shape)
    for filters in log_gabor_filters(*plane.shape):
        waves = [np.fft.ifft2(spectrum * one) for one in filters]
        total = sum(waves)
        length = np.abs(total) + 1e-4
        mean_even, mean_odd = total.real / length, total.imag / length
        energy = sum(
            w.real * mean_even + w.imag * mean_odd - np.abs(w.real * mean_odd - w.imag * mean_even) for w in waves
        )
        kernels = [np.fft.ifft2(one).real * np.sqrt(plane.size) for one in filters]
        power = np.median(np.abs(waves[0]) ** 2) / np.log(2) / np.sum(filters[0] ** 2)
        squares = sum(np.sum(k**2) for k in kernels)
        products = sum(np.sum(kernels[i] * kernels[j]) for i in range(4) for j in range(i + 1, 4))
        tau = np.sqrt((2 * power * squares + 4 * power * products) / 2)
        threshold = (tau * np.sqrt(np.pi / 2) + 2 * np.sqrt((2 - np.pi / 2) * tau**2)) / 1.7
        energy_sum += np.maximum(energy - threshold, 0)
        amplitude_sum += sum(np.abs(w) for w in waves)
    return energy_sum / amplitude_sum


def luma(picture):
    return reduce_zero_padded(np.asarray(picture, np.float64) @ [0.299, 0.587, 0.114])


def edges(picture):
    across, down = (ndimage.convolve(luma(picture), kernel, mode="constant") for kernel in (SCHARR, SCHARR.T))
    return np.hypot(across, down)


def similarity(x, y, constant):
    return (2 * x * y + constant) / (x**2 + y**2 + constant)


def fsim(reference, distorted, colour=False):
    phases = [phase_congruency(luma(picture)) for picture in (reference, distorted)]
    quality = similarity(*phases, 0.85) * similarity(edges(reference), edges(distorted), 160)
    if colour:
        chroma = np.ones(quality.shape)
        for weights in ([0.596, -0.274, -0.322], [0.211, -0.523, 0.312]):
            planes = [reduce_zero_padded(picture.astype(np.float64) @ weights) for picture in (reference, distorted)]
            chroma *= similarity(*planes, 200)
        quality = quality * (chroma.astype(complex) ** 0.03).real
    weight = np.maximum(*phases)
    return np.sum(quality * weight) / np.sum(weight)


def fsimc(reference, distorted):
    return fsim(reference, distorted, colour=True)
