"""The linear stretch to the full range that KADID's program does before and after each distortion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CONSTANT = 1e-9  # a smaller range is rounding error: a step of 8 bits is 1/255


def stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mapped linearly so that the least of all values is 0 and the greatest 1; constant ones are left as they are."""
    low, high = values.min(), values.max()
    return values if high - low < CONSTANT else (values - low) / (high - low)
