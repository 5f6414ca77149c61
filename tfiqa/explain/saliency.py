"""Saliency: how strongly a number answers to small changes of each pixel, in whichever direction.

References: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks: Visualising Image Classification Models
and Saliency Maps", ICLR 2014 workshop, section 3; D. Smilkov, N. Thorat, B. Kim, F. Viégas, M. Wattenberg, "SmoothGrad: removing
noise by adding noise", 2017, arXiv:1706.03825.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfiqa.errors import InvalidInput
from tfiqa.explain.grad_cam import Values

NOISE = 0.15  # SmoothGrad, section 3.1: 10 % to 20 % balance sharpness and structure
SAMPLES = 20  # there, maps get smoother with more of them, little beyond 50; each costs a vanilla saliency


def sensitivity(gradient: Values) -> Values:
    """The gradient (..., C) of a number by pixels to its largest magnitude over the channels (...): Simonyan, section 3.1."""
    return np.abs(gradient).max(axis=-1)


def smooth_gradient(
    gradient: Callable[[Values], Values],
    picture: Values,
    *,
    samples: int = SAMPLES,
    noise: float = NOISE,
    seed: int = 0,
) -> Values:
    """The mean gradient over pictures with Gaussian noise added (Smilkov, section 2).

    Args:
        gradient: of a picture, of the same shape.
        picture: RGB (H, W, 3).
        samples: pictures with noise, n in the paper.
        noise: its standard deviation as a share of the picture's range, from the darkest to the brightest value.
        seed: of the noise.

    Raises InvalidInput for less than one sample or noise that is negative or not finite.
    """
    if samples < 1 or not 0 <= noise < np.inf:
        raise InvalidInput(f"SmoothGrad takes samples from 1 and noise from 0. Received: {samples} and {noise}")
    generator = np.random.default_rng(seed)
    deviation = np.float32(noise) * np.ptp(picture)
    total = np.zeros_like(picture)
    for _ in range(samples):
        total += gradient(picture + deviation * generator.standard_normal(picture.shape, np.float32))
    return total / np.float32(samples)
