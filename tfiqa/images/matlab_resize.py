"""MATLAB's imresize: of a plane, and as a matrix per axis: resized = rows @ plane @ columns^T.

TensorFlow's and Pillow's resizers treat the border and the antialiasing otherwise (by up to 12 grey levels where they
shrink); measures that were published in MATLAB need its very numbers.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tfiqa.errors import InvalidInput


def _bilinear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0, 1 - np.abs(x))


def _bicubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


KERNELS = {"bilinear": (_bilinear, 2.0), "bicubic": (_bicubic, 4.0)}  # the kernel and the width of its support


@functools.lru_cache(maxsize=64)
def resize_matrix(
    size: int, kernel: str, *, new_size: int | None = None, scale: float | None = None
) -> NDArray[np.float64]:
    """The weights of imresize along one axis, antialiased where it shrinks.

    Args:
        size: samples in.
        kernel: "bilinear" or "bicubic".
        new_size: samples out; the scale is new_size / size.
        scale: instead of new_size; ceil(scale size) samples come out, placed by the given scale.

    Returns:
        (samples out, size), float64, rows sum to 1; read-only. The picture is mirrored at its border, the edge repeated.

    Raises:
        InvalidInput: unless exactly one of new_size and scale is given.
    """
    if (new_size is None) == (scale is None):
        raise InvalidInput("resize_matrix takes either new_size or scale")
    if scale is None:
        assert new_size is not None
        scale = new_size / size
    count = math.ceil(scale * size) if new_size is None else new_size
    sources, weights = _taps(size, count, scale, kernel)
    matrix = np.zeros((count, size))
    np.add.at(matrix, (np.arange(count)[:, None], sources), weights)
    matrix.setflags(write=False)
    return matrix


def resize_plane(plane: NDArray[np.float64], kernel: str, scale: float) -> NDArray[np.float64]:
    """imresize of a plane of doubles by one scale for both axes, rows first: neither rounded nor clipped.

    Args:
        plane: (H, W).
        kernel: "bilinear" or "bicubic".
        scale: of both sides; the samples are placed by it, also where a side does not divide.

    Returns:
        (ceil(scale H), ceil(scale W)), float64.
    """
    for _ in range(2):
        size = len(plane)
        sources, weights = _taps(size, math.ceil(scale * size), scale, kernel)
        count, taps = weights.shape
        starts = np.arange(0, count * taps + 1, taps)
        plane = (csr_array((weights.ravel(), sources.ravel(), starts), shape=(count, size)) @ plane).T
    return np.ascontiguousarray(plane)


def _taps(size: int, count: int, scale: float, kernel: str) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which of `size` samples make each of `count` new ones, and their weights: (count, taps) each."""
    function, width = KERNELS[kernel]
    stretch = min(scale, 1.0)  # below 1 the kernel is widened: antialiasing
    width /= stretch
    centres = np.arange(1, count + 1) / scale + 0.5 * (1 - 1 / scale)
    taps = np.floor(centres - width / 2)[:, None] + np.arange(math.ceil(width) + 2)
    weights = stretch * function(stretch * (centres[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.concatenate([np.arange(size), np.arange(size)[::-1]])
    return mirrored[(taps.astype(int) - 1) % (2 * size)], weights
