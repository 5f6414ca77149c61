"""MS-SSIM in float64 with SciPy, as the text of the paper and the authors' file has it."""

import numpy as np
from numpy_ssim import GREYS, maps, reduce_mirrored

WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]


def ms_ssim(reference, distorted, grey="gray_u8"):
    x, y = GREYS[grey](reference), GREYS[grey](distorted)
    means = []
    for _ in WEIGHTS:
        both, structure = maps(x, y)
        means.append(structure.mean())
        x, y = reduce_mirrored(x, 2), reduce_mirrored(y, 2)
    means[-1] = both.mean()
    return np.prod(np.maximum(means, 0) ** WEIGHTS)
