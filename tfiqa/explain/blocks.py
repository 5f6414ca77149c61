"""The blocks of a quality map: which there are, and where in the picture."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput

Blocks = NDArray[np.float32]  # (rows, columns, 4): left, top, right, bottom in pixels, right and bottom exclusive
CELL = 32  # pixels that a ResNet's features are apart
MOST_BLOCKS = 1 << 16  # of each there are 8 KB of features (ResNet-18), several times over
DENSE_SHARE = 20  # dense blocks are as large as those of the grid "20"
FORMS = "'20' (20x20 blocks), 'ROWSxCOLUMNS', '32px' (blocks of about 32x32 pixels) or 'dense'"


@dataclass(frozen=True)
class Grid:
    """How a picture is divided. Made by `parse_grid`, of which `str` gives the text back.

    Args:
        rows, columns: of blocks; 0 where the picture's size decides.
        pixels: sides of a block, about; 0 where rows and columns are given, and for dense blocks.
    """

    rows: int = 0
    columns: int = 0
    pixels: int = 0

    def __str__(self) -> str:
        if self.rows:
            return str(self.rows) if self.rows == self.columns else f"{self.rows}x{self.columns}"
        return f"{self.pixels}px" if self.pixels else "dense"

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns for a picture of this size. Raises InvalidInput above MOST_BLOCKS."""
        if self.rows:
            rows, columns = self.rows, self.columns
        elif self.pixels:
            rows, columns = (max(1, round(side / self.pixels)) for side in (height, width))
        else:
            rows, columns = (-(-side // CELL) for side in (height, width))
        if rows * columns > MOST_BLOCKS:
            raise InvalidInput(
                f"a map has at most {MOST_BLOCKS:,} blocks; grid {self} of {width}x{height} pixels has more"
            )
        return rows, columns

    def place(self, rows: int, columns: int, height: int, width: int) -> Blocks:
        """The blocks of a picture of this size, that many; see `block_boxes` and `dense_boxes`."""
        return (block_boxes if self.rows or self.pixels else dense_boxes)(rows, columns, height, width)


def parse_grid(text: str) -> Grid:
    """The grid that a text names.

    "20" and "20x20" are 20 rows of 20 blocks (the authors' code has 20, and had 32), "3x5" is 3 rows of 5. "32px" is as many
    equal blocks as come nearest to 32x32 pixels. "dense" has a block for each cell of PaQ-2-PiQ's features, 32 pixels apart;
    the blocks are as large as those of "20", so that those of pictures above 640 pixels overlap.

    The paper's "grid of 32x32 non-overlapping blocks, thus preserving aspect ratio" can be read as either "32" or "32px".

    Raises InvalidInput, listing the forms.
    """
    if text == "dense":
        return Grid()
    if match := re.fullmatch("([1-9][0-9]{0,4})px", text):
        return Grid(pixels=int(match[1]))
    if match := re.fullmatch("([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?", text):
        return Grid(int(match[1]), int(match[2] or match[1]))
    raise InvalidInput(f"a grid is {FORMS}. Received: {text!r}")


def block_boxes(rows: int, columns: int, height: int, width: int) -> Blocks:
    """The equal blocks of a picture, which share their edges and are not rounded to pixels, as in PaQ-2-PiQ's code."""
    down, across = (np.linspace(0, side, count + 1) for side, count in ((height, rows), (width, columns)))
    return _blocks(down[:-1], down[1:], across[:-1], across[1:])


def dense_boxes(rows: int, columns: int, height: int, width: int) -> Blocks:
    """One block around the centre of each of `block_boxes`, as large as one of 20x20 if that is larger, within the picture."""
    return _blocks(*_dense(rows, height), *_dense(columns, width))


def _dense(count: int, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    length = side / min(count, DENSE_SHARE)
    starts = np.clip((np.arange(count) + 0.5) * side / count - length / 2, 0, side - length)
    return starts, starts + length


def _blocks(
    tops: NDArray[np.float64], bottoms: NDArray[np.float64], lefts: NDArray[np.float64], rights: NDArray[np.float64]
) -> Blocks:
    shape = len(tops), len(lefts)
    edges = lefts[None], tops[:, None], rights[None], bottoms[:, None]
    return np.stack([np.broadcast_to(edge, shape) for edge in edges], axis=-1).astype(np.float32)
