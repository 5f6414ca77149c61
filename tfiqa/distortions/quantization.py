"""Few levels, the same for the three channels."""

from __future__ import annotations

import numpy as np

from tfiqa.distortions.family import Call, Picture, distortion, to_bytes
from tfiqa.distortions.otsu_thresholds import LEVELS, otsu_thresholds

BAND = 256  # rows in work at a time: bounds the memory


@distortion("quantization")
def quantization(call: Call) -> Picture:
    """Every sample raised to the next of n thresholds; up to the first they become 0, beyond the last 1.

    The thresholds are those of all samples of the three channels. A picture of no more than n levels is returned as it is:
    there is nothing to merge.
    """
    picture = call.picture
    bands = [slice(top, top + BAND) for top in range(0, picture.shape[0], BAND)]
    counts = np.zeros(LEVELS, np.int64)
    for band in bands:
        counts += np.bincount(to_bytes(picture[band]).reshape(-1), minlength=LEVELS)
    wanted = int(call.amount)
    if np.count_nonzero(counts) <= wanted:
        return picture
    thresholds = otsu_thresholds(counts, wanted) / 255.0
    values = np.array([0.0, *thresholds[1:], 1.0])
    quantized = np.empty_like(picture)
    for band in bands:
        quantized[band] = values[np.searchsorted(thresholds, picture[band])]
    return quantized
