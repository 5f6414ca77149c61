"""Types 11 to 14: noise as MATLAB's imnoise makes it; variances are those of pictures of 0..1."""

from __future__ import annotations

import numpy as np

from tfiqa.distortions.family import Call, Picture, clipped, distortion

# ITU-R BT.601 in its limited range: Y of 16..235, Cb and Cr of 16..240, all divided by 255.
TO_YCBCR = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]) / 255
FROM_YCBCR = np.linalg.inv(TO_YCBCR)
OFFSET = np.array([16.0, 128.0, 128.0]) / 255


@distortion("white_noise")
def white_noise(call: Call) -> Picture:
    """Normal noise, independent in each sample."""
    return with_normal_noise(call.picture, call.amount, call.random)


@distortion("white_noise_color")
def white_noise_color(call: Call) -> Picture:
    """Normal noise on Y, Cb and Cr; the way back to RGB amplifies it, by 2 from Cb to blue."""
    noisy = with_normal_noise(call.picture @ TO_YCBCR.T + OFFSET, call.amount, call.random)
    return clipped((noisy - OFFSET) @ FROM_YCBCR.T)


@distortion("impulse_noise")
def impulse_noise(call: Call) -> Picture:
    """Samples, not whole pixels, set to 0 or 1, half of them each."""
    drawn = call.random.random(call.picture.shape)
    noisy = np.where(drawn < call.amount, 1.0, call.picture)
    noisy[drawn < call.amount / 2] = 0
    return noisy


@distortion("multiplicative_noise")
def multiplicative_noise(call: Call) -> Picture:
    """Noise in proportion to the sample. It is uniform, as MATLAB's speckle is."""
    width = np.sqrt(12 * call.amount)  # a uniform variable of that width has the variance
    return clipped(call.picture * (1 + width * (call.random.random(call.picture.shape) - 0.5)))


def with_normal_noise(picture: Picture, variance: float, random: np.random.Generator) -> Picture:
    """The picture plus independent normal noise, limited to 0..1."""
    return clipped(picture + np.sqrt(variance) * random.standard_normal(picture.shape))
