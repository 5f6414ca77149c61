"""Named resize policies: what a model's authors did to a picture's size before the network saw it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfiqa.errors import InvalidInput

COLOR_NAMES = {"white": (255, 255, 255), "black": (0, 0, 0)}

_FORMS = (
    "'native', 'shorter_side:N', 'stretch:N' or 'pad:N:COLOR' with N pixels and COLOR white, black or R,G,B (0 to 255)"
)


@dataclass(frozen=True)
class ResizePolicy:
    """What happens to a picture's size. `parse_policy` makes one from text, `str` gives the text back.

    Args:
        kind: "native" leaves the picture alone. "shorter_side" brings the shorter side to `size` where both sides have
            at least that many pixels, and leaves smaller pictures alone; the longer side is size * longer / shorter
            without its fraction, and the filter is Pillow's antialiased bilinear one (SPAQ and UNIQUE). "stretch" brings
            both sides to `size` with that filter, whatever their ratio was (NIMA). "pad" centres
            the picture in a square of `size` pixels a side, without scaling it (PaQ-2-PiQ).
        size: pixels; 0 for "native".
        color: RGB around a padded picture.
    """

    kind: Literal["native", "shorter_side", "stretch", "pad"]
    size: int = 0
    color: tuple[int, int, int] = COLOR_NAMES["white"]

    def __post_init__(self) -> None:
        if self.kind != "native" and self.size < 1:
            raise InvalidInput(f"resize policy {self.kind!r} needs a size of at least 1 pixel. Received: {self.size}")
        if not all(0 <= level <= 255 for level in self.color):
            raise InvalidInput(f"resize policy {self.kind!r} needs colour levels 0 to 255. Received: {self.color}")

    def __str__(self) -> str:
        if self.kind == "native":
            return self.kind
        if self.kind in ("shorter_side", "stretch"):
            return f"{self.kind}:{self.size}"
        names = {color: name for name, color in COLOR_NAMES.items()}
        return f"{self.kind}:{self.size}:{names.get(self.color) or ','.join(map(str, self.color))}"

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what `apply` makes of a picture of this size. Raises InvalidInput as `apply` does."""
        if self.kind == "pad":
            if max(height, width) > self.size:
                raise InvalidInput(
                    f"resize policy '{self}' takes pictures of at most {self.size} pixels a side. "
                    f"Received: {width} x {height}"
                )
            return self.size, self.size
        if self.kind == "stretch":
            return self.size, self.size
        shorter = min(height, width)
        if self.kind == "native" or shorter < self.size:
            return height, width
        return self.size * height // shorter, self.size * width // shorter

    def move_boxes(self, boxes: NDArray[np.floating], height: int, width: int) -> NDArray[np.float32]:
        """Where boxes (..., 4), left, top, right, bottom in pixels of a picture of this size, are after `apply`."""
        size = self.output_size(height, width)
        if self.kind == "pad":
            top, left = (self.size - height) // 2, (self.size - width) // 2
            return (boxes + np.array([left, top, left, top])).astype(np.float32)
        down, across = size[0] / height, size[1] / width
        return (boxes * np.array([across, down, across, down])).astype(np.float32)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture at its new size.

        Args:
            picture: uint8 (H,W,3).

        Returns:
            uint8 (H,W,3) of `output_size`.

        Raises:
            InvalidInput: for "pad", a picture larger than the square.
        """
        height, width = picture.shape[:2]
        size = self.output_size(height, width)
        if size == (height, width):
            return picture
        if self.kind == "pad":
            top, left = (self.size - height) // 2, (self.size - width) // 2
            square = np.full((*size, 3), self.color, np.uint8)
            square[top : top + height, left : left + width] = picture
            return square
        return resize_bilinear(picture, *size)


def resize_bilinear(
    picture: NDArray[np.uint8], height: int, width: int, extent: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """Scales a picture with Pillow's antialiased bilinear filter, columns first and then rows.

    That is how Pillow did it up to version 12, when the published models were made. Pillow 13 takes the rows of some
    pictures first, tall ones mostly, which changes some samples by a level; two calls keep the order on any version.

    Args:
        picture: uint8 (H,W,3).
        height: rows wanted.
        width: columns wanted.
        extent: rows and columns of `picture`, from its first ones on and with fractions, that are scaled; by default all.

    Returns:
        uint8 (height,width,3).
    """
    before = picture.shape[0]
    rows, columns = extent or picture.shape[:2]
    bilinear = Image.Resampling.BILINEAR
    columns_done = Image.fromarray(picture).resize((width, before), bilinear, box=(0, 0, columns, before))
    return np.array(columns_done.resize((width, height), bilinear, box=(0, 0, width, rows)))


def parse_policy(text: str) -> ResizePolicy:
    """The policy that a text such as "shorter_side:512" names. Raises InvalidInput, listing the forms, for others."""
    parts = text.split(":") if isinstance(text, str) else []
    if parts == ["native"]:
        return ResizePolicy("native")
    if len(parts) > 1 and re.fullmatch("[1-9][0-9]{0,5}", parts[1]):
        size = int(parts[1])
        if parts[0] == "shorter_side" and len(parts) == 2:
            return ResizePolicy("shorter_side", size)
        if parts[0] == "stretch" and len(parts) == 2:
            return ResizePolicy("stretch", size)
        if parts[0] == "pad" and len(parts) == 3 and (color := _color(parts[2])):
            return ResizePolicy("pad", size, color)
    raise InvalidInput(f"a resize policy is {_FORMS}. Received: {text!r}")


def _color(text: str) -> tuple[int, int, int] | None:
    levels = [int(level) for level in text.split(",") if re.fullmatch("[0-9]{1,3}", level) and int(level) <= 255]
    if len(levels) == 3 and text.count(",") == 2:
        return levels[0], levels[1], levels[2]
    return COLOR_NAMES.get(text)
