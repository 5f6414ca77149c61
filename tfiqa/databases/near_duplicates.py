"""Near-identical pictures: other exposures, focus or compression of one view, and frames of one burst.

A picture's fingerprint is its grey picture averaged to 32x32 cells and normalised by local mean and contrast, so that
exposure and white balance hardly matter. Two pictures are near-duplicates when their fingerprints correlate at some
shift of up to three cells (a tenth of the picture).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy import fft
from scipy.ndimage import gaussian_filter

from tfiqa.databases.groups import connected, group_keys, picture_keys
from tfiqa.databases.manifest import Manifest
from tfiqa.databases.reader import Progress
from tfiqa.errors import ManifestError, PictureError
from tfiqa.images.decode import decode_picture
from tfiqa.in_order import map_in_order

CELLS = 32
LOCAL_SIGMA = 2.0  # cells
LOCAL_CONSTANT = 1.0  # grey levels; keeps sensor noise in flat areas from becoming structure
MAX_SHIFT = 3  # cells, each way
# Among the 499,500 pairs of 1,000 BIQ2021 pictures all 117 above .45 show one view each, by looking at them; the highest
# pair of different views has .443. Between .36 and .45 there are 18 more pairs of one view.
THRESHOLD = 0.45
# Blurred fingerprints of 16x16 cells change little under small shifts. All those 117 pairs have more than .2, as has one
# in ten of all pairs.
SCREEN_THRESHOLD = 0.2
SCREEN_SIGMA = 2.0  # cells
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
SCREENED_AT_ONCE = 2**22  # pairs; with those below, what bounds the memory beyond the fingerprints and their spectra
PAIRS_AT_ONCE = 4096
FFT_SIZE = 36  # even, factors 2 and 3; at least CELLS + MAX_SHIFT, so that shifted pictures do not meet at the edges
# The inverse transform of a spectrum (36, 19) at the small shifts alone: ROW_SHIFTS @ spectrum @ COLUMN_SHIFTS, real part.
_SHIFTS = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
_WAVES = np.exp(2j * np.pi / FFT_SIZE * np.outer(_SHIFTS, np.arange(FFT_SIZE)))
ROW_SHIFTS = (_WAVES / FFT_SIZE).astype(np.complex64)
# Of a real picture's spectrum the columns between the first and the last stand for two each.
_TIMES = np.r_[1, np.full(FFT_SIZE // 2 - 1, 2), 1]
COLUMN_SHIFTS = (_WAVES[:, : FFT_SIZE // 2 + 1] * _TIMES / FFT_SIZE).T.astype(np.complex64)


def fingerprint(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The fingerprint (32, 32) of a uint8 RGB picture (H,W,3): mean 0 and Euclidean norm 1, or all 0 for a flat one."""
    grey = Image.fromarray(picture.astype(np.float32) @ GREY)
    cells = np.asarray(grey.resize((CELLS, CELLS), Image.Resampling.BOX), np.float64)
    smooth = partial(gaussian_filter, sigma=LOCAL_SIGMA, mode="nearest")
    mean = smooth(cells)
    spread = np.sqrt(np.maximum(smooth(cells**2) - mean**2, 0))
    return _unit((cells - mean) / (spread + LOCAL_CONSTANT)).astype(np.float32)


def fingerprints(
    paths: Sequence[Path], *, workers: int | None = None, progress: Progress | None = None
) -> NDArray[np.float32]:
    """The fingerprints (N, 32, 32) of picture files, computed in threads.

    Args:
        paths: the pictures.
        workers: threads; by default one for each processor.
        progress: called with (done, all) after each picture.

    Raises:
        PictureError: a picture cannot be decoded.
    """
    found = np.empty((len(paths), CELLS, CELLS), np.float32)
    for place, print_ in enumerate(map_in_order(_file_fingerprint, paths, workers or os.cpu_count() or 1)):
        found[place] = print_
        if progress:
            progress(place + 1, len(paths))
    return found


def near_duplicate_pairs(
    prints: NDArray[np.float32], threshold: float = THRESHOLD
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The pairs of near-duplicates.

    Args:
        prints: fingerprints (N, 32, 32).
        threshold: lowest correlation, in 0..1.

    Returns:
        (P, 2) places of the pictures, first < second, and their correlation (P,) at the best shift.
    """
    spectra = fft.rfft2(prints, (FFT_SIZE, FFT_SIZE))
    pairs, scores = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    for candidates in _candidates(prints):
        best = _correlations(spectra, candidates)
        pairs.append(candidates[best >= threshold])
        scores.append(best[best >= threshold])
    return np.concatenate(pairs), np.concatenate(scores)


def group_near_duplicates(
    manifest: Manifest, *, threshold: float = THRESHOLD, progress: Progress | None = None
) -> Manifest:
    """The manifest with its column `group` widened so that near-duplicates, and whatever was grouped before, stay
    together.

    Rows that were grouped already and meet no others keep the name of their group; groups that grew are called after
    their first picture.

    Args:
        manifest: whose pictures are decoded.
        threshold: see `near_duplicate_pairs`.
        progress: called with (pictures decoded, all).

    Raises:
        ManifestError: pictures cannot be decoded; the text names the first.
    """
    try:
        prints = fingerprints(manifest.picture_paths(), progress=progress)
    except PictureError as error:
        raise ManifestError(f"{manifest.name}: no near-duplicates without every picture: {error}") from error
    table = manifest.table
    before = group_keys(table, manifest.path)
    after = _joined(prints, pd.factorize(before)[0], threshold)
    names = pd.Series(table.get("group"), index=table.index, dtype=object)
    keys = picture_keys(table, manifest.path)
    grown = before.groupby(after).nunique().gt(1)
    for component in grown.index[grown]:
        rows = np.flatnonzero(after == component)
        names.iloc[rows] = f"near {keys.iloc[rows[0]]}"
    return replace(manifest, table=table.assign(group=names))


def _file_fingerprint(path: Path) -> NDArray[np.float32]:
    return fingerprint(decode_picture(path))


def _unit(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean 0 and norm 1 over the last two axes; 0 where all is equal."""
    centred = values - values.mean(axis=(-2, -1), keepdims=True)
    norm = np.sqrt((centred**2).sum(axis=(-2, -1), keepdims=True))
    return centred / np.where(norm > 1e-6, norm, np.inf)


def _candidates(prints: NDArray[np.float32]) -> Iterator[NDArray[np.int64]]:
    """Pairs (P, 2), at most PAIRS_AT_ONCE at a time, that could correlate at some small shift."""
    coarse = gaussian_filter(prints, (0, SCREEN_SIGMA, SCREEN_SIGMA), mode="reflect")
    coarse = coarse.reshape(len(prints), CELLS // 2, 2, CELLS // 2, 2).mean(axis=(2, 4))
    vectors = _unit(coarse).reshape(len(prints), (CELLS // 2) ** 2)
    rows_at_once = max(1, SCREENED_AT_ONCE // max(1, len(vectors)))
    for start in range(0, len(vectors), rows_at_once):
        similar = vectors[start : start + rows_at_once] @ vectors[start:].T >= SCREEN_THRESHOLD
        pairs = np.argwhere(np.triu(similar, 1)) + start
        for place in range(0, len(pairs), PAIRS_AT_ONCE):
            yield pairs[place : place + PAIRS_AT_ONCE]


def _correlations(spectra: NDArray[np.complex64], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """The correlation of each pair (P, 2) at its best shift."""
    first, second = pairs.T
    product = spectra[second] * np.conj(spectra[first])
    return (ROW_SHIFTS @ (product @ COLUMN_SHIFTS)).real.max(axis=(1, 2))


def _joined(prints: NDArray[np.float32], group: NDArray[np.integer], threshold: float) -> NDArray[np.integer]:
    """The groups (N,), numbered from 0, after those that near-duplicates link became one.

    Pairs within a group need no look, so that many pictures of one view cost little time and no memory.
    """
    spectra = fft.rfft2(prints, (FFT_SIZE, FFT_SIZE))
    for candidates in _candidates(prints):
        candidates = candidates[group[candidates[:, 0]] != group[candidates[:, 1]]]
        links = group[candidates[_correlations(spectra, candidates) >= threshold]]
        if len(links):
            group = connected(links, group.max() + 1)[group]
    return group
