"""Named arrays in NumPy's .npz, read without trust."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import CheckpointError


def read_arrays(path: str | os.PathLike[str], names: Sequence[str]) -> list[NDArray]:
    """Some arrays of a .npz file; objects, which would have to be unpickled, are refused.

    Raises:
        CheckpointError: the file is missing, damaged or something else, or lacks an array.
    """
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except KeyError as error:
        raise CheckpointError(f"{path} is another kind of model: it has no {error.args[0].split()[0]!r}") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged file can raise nearly anything in the reader
        raise CheckpointError(f"{path} is not a readable .npz file: {' '.join(str(error).split())}") from error
