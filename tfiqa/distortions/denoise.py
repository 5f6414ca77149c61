"""Type 15: strong noise, taken away again.

KADID's program takes it away with MATLAB's pretrained DnCNN, each channel by itself. Those weights come with
MATLAB alone; non-local means stands in for it, with a strength that leaves as much behind: KADID's I01_15_05 has
PSNR 20.95 dB and mean channel SSIM .349, this one 21.5 dB and .350 (docs/distortions.md).
"""

from __future__ import annotations

import numpy as np
from skimage.restoration import denoise_nl_means

from tfiqa.distortions.family import Call, Picture, distortion
from tfiqa.distortions.noise import with_normal_noise

PATCH_SIDE, SEARCH_RADIUS = 5, 3  # pixels; a radius of 6 takes three times as long and comes no closer to I01_15_05
STRENGTH = 0.87  # of the filter, as a share of the noise's standard deviation


@distortion("denoise")
def denoise(call: Call) -> Picture:
    """Normal noise on every sample, then non-local means (A. Buades, B. Coll, J. Morel, 2005) on each channel."""
    noisy = with_normal_noise(call.picture, call.amount, call.random)
    strength = STRENGTH * np.sqrt(call.amount)
    # One channel after another, as the original does, which also keeps the filter's memory small.
    channels = [
        denoise_nl_means(noisy[..., channel], PATCH_SIDE, SEARCH_RADIUS, h=strength, fast_mode=True)
        for channel in range(noisy.shape[2])
    ]
    return np.stack(channels, axis=-1)
