"""NIQE: how far the statistics of a picture's blocks are from those of undistorted pictures. It knows no opinions.

Reference: A. Mittal, R. Soundararajan, A. C. Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE Signal Processing
Letters 20(3), 2013. Features, models and scores equal the authors' MATLAB code to 1e-6 and better, flat regions apart, see
`natural_scene_statistics.ZERO`. MATLAB's own function `niqe` has another model, and other values.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.files import whole_file
from tfiqa.images.matlab_resize import resize_plane
from tfiqa.models.baselines.array_file import read_arrays
from tfiqa.models.baselines.natural_scene_statistics import (
    SHIFTS,
    Values,
    fit_aggd,
    mean_ratio,
    moments,
    normalise,
    spread_ratio,
    to_grey,
)
from tfiqa.score_scale import ScoreScale

FEATURES = 36
BLOCK = 96  # pixels; the authors' choice
SHARP = 0.75  # of the sharpest block of an undistorted picture; blocks above it count (section II.B)
SCALE = ScoreScale(0.0, None, False, "NIQE")


@dataclass(frozen=True, eq=False)
class NiqeModel:
    """The multivariate Gaussian of sharp blocks of undistorted pictures.

    Args:
        mean: (36,).
        covariance: (36, 36).

    Raises:
        InvalidInput: other shapes, or numbers that are not finite.
    """

    mean: Values
    covariance: Values

    def __post_init__(self) -> None:
        shapes = self.mean.shape, self.covariance.shape
        if shapes != ((FEATURES,), (FEATURES, FEATURES)):
            raise InvalidInput(f"a NIQE model is a mean (36,) and a covariance (36, 36). Received: {shapes}")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.covariance).all()):
            raise InvalidInput("a number of the NIQE model is not finite")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model whole or not at all, as NumPy's .npz. Raises StorageError when the system refuses."""
        with whole_file(path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, niqe_mean=self.mean, niqe_covariance=self.covariance)


def load(path: str | os.PathLike[str]) -> NiqeModel:
    """The model that `NiqeModel.save` wrote, or the authors' `modelparameters.mat`.

    Raises:
        CheckpointError: the file is missing or something else.
    """
    if Path(path).suffix.lower() == ".mat":
        mean, covariance = _read_matlab(path, ("mu_prisparam", "cov_prisparam"))
    else:
        mean, covariance = read_arrays(path, ("niqe_mean", "niqe_covariance"))
    try:
        return NiqeModel(np.squeeze(mean).astype(np.float64), covariance.astype(np.float64))
    except (InvalidInput, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def features(image: NDArray[np.uint8]) -> Values:
    """The features (B, 36) of the B blocks of 96x96 pixels of a picture, down the columns first; float64.

    Of each block, and of the same block of the half picture: shape and mean beta of the normalised luminance; then shape, mean,
    and both betas of its products with each neighbour of `SHIFTS`, wrapping around the block. The picture is cropped at the right
    and below to whole blocks before anything else. What has all its products on one side has NaN.

    Args:
        image: (H, W, 3) RGB or (H, W), uint8, at least 96 pixels each way.

    Raises:
        InvalidInput: another shape or kind of numbers, or a smaller picture.
    """
    return _blocks(image)[0]


def sharp_features(image: NDArray[np.uint8]) -> Values:
    """The rows of `features` that count for a model: blocks whose mean local deviation is above .75 of the sharpest one's.

    Raises:
        InvalidInput: as `features`, or no block has enough texture for its features.
    """
    rows, sharpness = _blocks(image)
    return _with_texture(rows[sharpness > SHARP * sharpness.max()])


def fit(images: Iterable[NDArray[np.uint8]]) -> NiqeModel:
    """The model of undistorted pictures, each as for `features`; the authors had 125.

    Raises:
        InvalidInput: as `sharp_features`, and fewer than two blocks.
    """
    return fit_features([sharp_features(image) for image in images])


def fit_features(pictures: Iterable[Values]) -> NiqeModel:
    """The model of `sharp_features` (B, 36) of undistorted pictures. Raises InvalidInput for fewer than two blocks."""
    rows = np.concatenate([np.empty((0, FEATURES)), *pictures])
    if _is_whole(rows).sum() < 2:
        raise InvalidInput(f"a NIQE model needs at least two sharp blocks with texture. Received: {len(rows)}")
    return NiqeModel(*_gaussian(rows))


def score(image: NDArray[np.uint8], model: NiqeModel) -> float:
    """The score of a picture, at least 0, lower is better: the distance of its blocks' Gaussian from the model (equation 10).

    All blocks count. Of a picture of one block the covariance is 0; the authors' code takes its row for a column there.

    Args:
        image: as for `features`.
        model: of undistorted pictures.

    Raises:
        InvalidInput: as `features`, or no block has enough texture for its features.
    """
    rows = _with_texture(features(image))
    mean, covariance = _gaussian(rows)
    apart = model.mean - mean
    precision = np.linalg.pinv((model.covariance + covariance) / 2, rcond=FEATURES * np.finfo(np.float64).eps)
    return math.sqrt(max(float(apart @ precision @ apart), 0.0))


def _blocks(image: NDArray[np.uint8]) -> tuple[Values, Values]:
    """Features (B, 36) and mean local deviation (B,) of the blocks."""
    plane = to_grey(image)
    height, width = plane.shape
    if min(height, width) < BLOCK:
        raise InvalidInput(f"NIQE needs at least {BLOCK} pixels each way. Received: {width} x {height} pixels")
    plane = plane[: height // BLOCK * BLOCK, : width // BLOCK * BLOCK]
    half = resize_plane(plane, "bicubic", 0.5)
    normalised, sigma = normalise(plane, "nearest")
    rows = [_of_one_scale(normalised, BLOCK), _of_one_scale(normalise(half, "nearest")[0], BLOCK // 2)]
    sharpness = sigma.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(1, 3))
    return np.concatenate(rows, axis=1), sharpness.T.ravel()


def _of_one_scale(normalised: Values, side: int) -> Values:
    """(B, 18) of normalised luminance (H, W), down the columns first."""
    rows = normalised.reshape(-1, side, normalised.shape[1] // side, side).swapaxes(1, 2)
    return np.stack([_of_one_row(blocks) for blocks in rows], axis=1).reshape(-1, 18)


def _of_one_row(blocks: Values) -> Values:
    """(n, 18) of normalised luminance (n, side, side)."""
    own = moments(blocks.reshape(len(blocks), -1))
    shape, left, right = fit_aggd(own)
    columns = [shape, (left + right) / 2 * spread_ratio(shape)]
    for shift in SHIFTS:
        products = blocks * np.roll(blocks, shift, axis=(1, 2))
        shape, left, right = fit_aggd(moments(products.reshape(len(blocks), -1)))
        left, right = left * spread_ratio(shape), right * spread_ratio(shape)
        columns += [shape, (right - left) * mean_ratio(shape), left, right]
    return np.stack(columns, axis=1)


def _is_whole(rows: Values) -> NDArray[np.bool_]:
    return np.all(np.isfinite(rows), axis=1)


def _with_texture(rows: Values) -> Values:
    """Rows of features, one of which has no gap. Of a flat picture, the rounding would choose which blocks are sharp."""
    if not _is_whole(rows).any():
        raise InvalidInput("has too little texture for NIQE")
    return rows


def _gaussian(rows: Values) -> tuple[Values, Values]:
    """Mean (36,) over what is there, and covariance (36, 36) over the rows without a gap; 0 of one row."""
    whole = rows[_is_whole(rows)]
    covariance = np.cov(whole, rowvar=False) if len(whole) > 1 else np.zeros((FEATURES, FEATURES))
    return np.nanmean(rows, axis=0), covariance


def _read_matlab(path: str | os.PathLike[str], names: tuple[str, ...]) -> list[NDArray]:
    from scipy.io import loadmat

    try:
        with open(path, "rb") as stream:
            arrays = loadmat(stream, variable_names=names)
        return [arrays[name] for name in names]
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except KeyError as error:
        raise CheckpointError(f"{path} has no {error}, which NIQE's parameters have") from error
    except Exception as error:  # a damaged file can raise nearly anything in the reader
        raise CheckpointError(f"{path} is not a readable MATLAB file: {' '.join(str(error).split())}") from error
