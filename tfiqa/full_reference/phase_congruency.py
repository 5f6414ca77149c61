"""Phase congruency: how far the waves of all scales agree in phase at a pixel, whatever their strength.

Log-Gabor waves of four scales and four orientations, as P. Kovesi computes it ("Image features from phase congruency",
Videre 1(3), 1999) with the settings of FSIM's authors.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import tensorflow as tf

from tfiqa.full_reference.median import middle_numbers
from tfiqa.full_reference.picture import Picture, reduced_luma
from tfiqa.full_reference.pooling import TINY
from tfiqa.images.filters import as_complex, magnitude, reduction_factor, sides

SCALES, ORIENTATIONS = 4, 4
SHORTEST_WAVE, WAVE_RATIO = 6, 2  # pixels; from one scale to the next
BANDWIDTH = 0.55  # deviation of the log-Gabor in its logarithm, over its centre frequency
ANGULAR_DEVIATION = math.pi / ORIENTATIONS / 1.2
CUTOFF, SHARPNESS = 0.45, 15  # the Butterworth low-pass that takes the spectrum's corners off
NOISE_DEVIATIONS = 2.0  # above its mean, what noise alone reaches
NOISE_DIVISOR = 1.7  # Kovesi's empirical correction of the threshold
SMALLEST_LENGTH = 1e-4  # added to the length that energies are divided by


def phase_congruency(picture: Picture) -> tf.Tensor:
    """Phase congruency of `reduced_luma`, 0..1: (N, h, w). Flat pictures, which have none by its formula, get 0.

    The measure that asks for it names `PHASE_TABLES`. Differentiable.
    """
    luma = picture.get(reduced_luma)
    # No wave sees the mean. Without it rounding is finer, and a flat picture is exactly 0.
    middle = (tf.reduce_min(luma, (1, 2), keepdims=True) + tf.reduce_max(luma, (1, 2), keepdims=True)) / 2
    luma -= tf.stop_gradient(middle)
    spectra = tf.signal.fft2d(as_complex(luma))
    filters = as_complex(picture.table(log_gabor_filters))
    radial, angular = tf.unstack(filters[:SCALES], num=SCALES), filters[SCALES:]
    factors = picture.table(noise_factors)

    def of_one(task: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        index, orientation = task // ORIENTATIONS, task % ORIENTATIONS
        return _of_orientation(spectra[index] * angular[orientation], radial, factors[orientation])

    # One wave after the other: planes that stay in the cache make this twice as fast as all of a batch together.
    signature = (tf.TensorSpec(luma.shape[1:], luma.dtype),) * 2
    tasks = tf.range(tf.shape(luma)[0] * ORIENTATIONS)
    found = tf.map_fn(of_one, tasks, parallel_iterations=ORIENTATIONS, fn_output_signature=signature)
    height, width = sides(luma)
    energy, amplitude = (tf.reduce_sum(tf.reshape(x, (-1, ORIENTATIONS, height, width)), axis=1) for x in found)
    return energy / (amplitude + TINY)


def _of_orientation(spectrum: tf.Tensor, radial: list[tf.Tensor], factor: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Energy above noise and the sum of amplitudes of the waves of one orientation in one picture: (h, w), (h, w)."""
    waves = [tf.signal.ifft2d(spectrum * band) for band in radial]
    even, odd = [tf.math.real(wave) for wave in waves], [tf.math.imag(wave) for wave in waves]
    amplitudes = [magnitude(x, y) for x, y in zip(even, odd, strict=True)]
    threshold = factor * magnitude(*middle_numbers(tf.reshape(amplitudes[0], (1, -1))))
    return tf.nn.relu(_energy(even, odd) - threshold), tf.add_n(amplitudes)


def _energy(even: list[tf.Tensor], odd: list[tf.Tensor]) -> tf.Tensor:
    """What the waves of one orientation share with the direction (E, O) of their sum, less what they have across it.

    With the length L of (E, O): sum_s (e_s E + o_s O - |e_s O - o_s E|) / L = (L^2 - sum_s |e_s O - o_s E|) / L. The
    terms across add up to 0, so the sum of their sizes is twice that of the positive ones, and
    max(e O - o E, 0) = max(e O, o E) - o E. This takes three passes over each wave instead of six.
    """
    sum_even, sum_odd = tf.add_n(even), tf.add_n(odd)
    larger = tf.add_n([tf.maximum(e * sum_odd, o * sum_even) for e, o in zip(even, odd, strict=True)])
    length = magnitude(sum_even, sum_odd)
    return (length * length - 2 * (larger - sum_even * sum_odd)) / (length + SMALLEST_LENGTH)


def log_gabor_filters(height: int, width: int) -> np.ndarray:
    """The filters for pictures of that size: (8, h, w), four radial parts, four angular ones, frequency 0 at [0, 0].

    A wave's filter is the product of one of each.
    """
    factor = reduction_factor(height, width)
    return _filters(-(-height // factor), -(-width // factor))


@functools.lru_cache(maxsize=4)
def _filters(height: int, width: int) -> np.ndarray:
    y, x = np.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(-y, x)
    low_pass = 1 / (1 + (radius / CUTOFF) ** (2 * SHARPNESS))
    radius[0, 0] = 1  # its logarithm is wanted; the filters are 0 there
    bank = np.empty((SCALES + ORIENTATIONS, height, width))
    for scale in range(SCALES):
        octaves = np.log(radius * (SHORTEST_WAVE * WAVE_RATIO**scale))
        bank[scale] = np.exp(-(octaves**2) / (2 * math.log(BANDWIDTH) ** 2)) * low_pass
        bank[scale, 0, 0] = 0
    for orientation in range(ORIENTATIONS):
        turn = angle - orientation * math.pi / ORIENTATIONS
        distance = (turn + math.pi) % (2 * math.pi) - math.pi
        bank[SCALES + orientation] = np.exp(-(distance**2) / (2 * ANGULAR_DEVIATION**2))
    return bank


def _frequencies(count: int) -> np.ndarray:
    """Cycles a pixel in the order of the transform. Of an odd number the outermost are -1/2 and 1/2 here."""
    return np.fft.ifftshift((np.arange(count) - count // 2) / (count - count % 2))


def noise_factors(height: int, width: int) -> np.ndarray:
    """By orientation, the noise threshold over sqrt(a^2 + b^2) of the smallest wave's middle sizes a and b: (4,).

    Noise of flat spectrum gives squared sizes of exponential distribution (mean = median / ln 2, and the median of the
    squares is (a^2 + b^2) / 2) and energies of Rayleigh distribution, whose parameter follows from the filters' real
    parts summed over the scales (by Parseval's theorem, in the spectrum).
    """
    bank = log_gabor_filters(height, width)
    factors = []
    for angular in bank[SCALES:]:
        mirrored = np.roll(angular[::-1, ::-1], (1, 1), (0, 1))  # the filter at minus the frequency
        real_part = bank[:SCALES].sum(0) * (angular + mirrored) / 2
        power = 1 / (2 * math.log(2) * np.sum((bank[0] * angular) ** 2))
        factors.append(math.sqrt(power * np.sum(real_part**2)))
    mean, deviation = math.sqrt(math.pi / 2), math.sqrt(2 - math.pi / 2)  # of the Rayleigh distribution
    return np.array(factors) * (mean + NOISE_DEVIATIONS * deviation) / NOISE_DIVISOR


PHASE_TABLES = (log_gabor_filters, noise_factors)
