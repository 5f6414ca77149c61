"""What a user can choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.features.weak_labels.draw import DRAWS, FROM_MANIFEST
from tfiqa.registry import unknown_name

DRAW_NAMES = (*DRAWS, FROM_MANIFEST)


@dataclass(frozen=True)
class Settings:
    """How pictures are distorted and measured.

    Args:
        measures: names of `full_reference.MEASURES`.
        draw: one of `DRAW_NAMES`; None for "one", or where the manifest lists distorted pictures, which need no draw.
        seed: of all that is drawn, from 0.
        size: (width, height) that pristine pictures are shrunk and cropped to; None leaves them as they are.

    Raises:
        UnknownName: another draw.
        InvalidInput: a negative seed, or a size that is none.
    """

    measures: tuple[str, ...]
    draw: str | None = None
    seed: int = 0
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.draw is not None and self.draw not in DRAW_NAMES:
            raise UnknownName(unknown_name("draw", self.draw, DRAW_NAMES))
        if self.seed < 0:
            raise InvalidInput(f"a seed is counted from 0. Received: {self.seed}")
        if self.size is not None and min(self.size) < 1:
            raise InvalidInput(f"a size is counted from 1x1. Received: {self.size[0]}x{self.size[1]}")

    def to_dict(self) -> dict[str, Any]:
        """For people and for JSON."""
        size = f"{self.size[0]}x{self.size[1]}" if self.size else None
        return {"measures": " ".join(self.measures), "draw": self.draw, "seed": self.seed, "size": size}
