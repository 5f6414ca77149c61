"""The quality of blocks of a picture by models that score whole pictures only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tfiqa.images.protocol import PictureProtocol
from tfiqa.pipelines.scoring import PicturePredictor

LEAST_SIDE = 224  # pixels: the size of ImageNet's pictures in training; bodies do not know smaller ones
PASS_PIXELS = 32 * 224 * 224  # of windows in one pass, or one window: bounds the memory


def size_when_cut(protocol: PictureProtocol, height: int, width: int) -> tuple[int, int]:
    """The size of a picture of this size when windows are cut out of it: after its protocol's scaling to a shorter side, so that
    windows show what the model sees of the whole picture; stretching and padding are left to each window."""
    policy = protocol.policy
    return policy.output_size(height, width) if policy.kind == "shorter_side" else (height, width)


def windows_around(blocks: NDArray[np.float32], least: int, height: int, width: int) -> NDArray[np.int64]:
    """Windows (R, 4) of whole pixels around the middle of each of the blocks (R, 4), all of one size: that of the largest
    block, at least `least` pixels a side but no larger than the picture, and moved into it."""
    sizes = np.rint((blocks[:, 2:] - blocks[:, :2]).max(axis=0)).astype(np.int64)
    picture = np.array([width, height])
    sizes = np.minimum(np.maximum(sizes, least), picture)
    starts = np.rint((blocks[:, :2] + blocks[:, 2:] - sizes) / 2).astype(np.int64)
    starts = np.clip(starts, 0, picture - sizes)
    return np.concatenate([starts, starts + sizes], axis=1)


def score_windows(
    picture: NDArray[np.uint8],
    blocks: NDArray[np.float32],
    protocol: PictureProtocol,
    patches_of: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    quality_of: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    batch_size: int,
) -> NDArray[np.float32]:
    """The quality (R,) of blocks: of a window around each, as of a picture of its own.

    A window is as large as the block, but at least a patch of the model's protocol or, without patches, LEAST_SIDE pixels a
    side; neighbouring blocks' windows then overlap, and those of blocks near a border can be the same.

    Args:
        picture: (H, W, 3), as it is shown.
        blocks: (R, 4), left, top, right, bottom in its pixels.
        protocol: how a whole picture becomes the network's input.
        patches_of: a window's patches (P, H, W, 3) by that protocol.
        quality_of: the network: the quality (N, 1) of patches.
        batch_size: of patches in one pass.
    """
    height, width = picture.shape[:2]
    size = size_when_cut(protocol, height, width)
    if size != (height, width):
        blocks = protocol.policy.move_boxes(blocks, height, width)
        picture = protocol.policy.apply(picture)
    windows = windows_around(blocks, protocol.patch_size or LEAST_SIDE, *size)
    windows, places = np.unique(windows, axis=0, return_inverse=True)
    left, top, right, bottom = windows[0]
    at_once = max(1, PASS_PIXELS // int((bottom - top) * (right - left)))
    quality = []
    for start in range(0, len(windows), at_once):
        cut = [picture[top:bottom, left:right] for left, top, right, bottom in windows[start : start + at_once]]
        patches = np.stack([patches_of(each) for each in cut])
        flat = patches.reshape(-1, *patches.shape[2:])
        found = [quality_of(flat[step : step + batch_size]) for step in range(0, len(flat), batch_size)]
        quality.append(np.concatenate(found).reshape(len(cut), -1).mean(axis=1, dtype=np.float64))
    return np.concatenate(quality).astype(np.float32)[places.ravel()]


class WindowPredictor(PicturePredictor):
    """A `PicturePredictor` that also scores blocks of a picture, each by a window around it."""

    def predict_blocks(
        self, picture: NDArray[np.uint8], blocks: NDArray[np.float32], exif: NDArray[np.float64] | None = None
    ) -> NDArray[np.float32]:
        """The quality (R,) of blocks, see `score_windows`.

        Args:
            picture: (H, W, 3), as it is shown.
            blocks: (R, 4), left, top, right, bottom in its pixels.
            exif: for a model that takes it, the numbers (8,) of the whole picture as `encode_exif` has them.

        Raises InvalidInput for a size that the model does not take.
        """
        numbers = self._normalised(exif)

        def quality_of(patches: NDArray[np.uint8]) -> NDArray[np.float32]:
            return self._network(patches, numbers)["quality"]

        return score_windows(picture, blocks, self.protocol, self._patches, quality_of, self.batch_size)
