"""Random numbers as a pure function of where they are used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def random_words(seed: int, epoch: int, stream: int, count: int) -> NDArray[np.uint64]:
    """Random words (count,); NumPy keeps a bit generator's raw stream, unlike its distributions, equal in all versions."""
    key = np.array([seed % 2**64, epoch], np.uint64)
    return np.random.Philox(key=key, counter=[0, stream, 0, 0]).random_raw(count)
