"""What a user can choose."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.features.mlsp.views import VIEWS
from tfiqa.registry import unknown_name

DTYPES = ("float16", "float32")
PRECISIONS = ("float32", "bfloat16")
DEVICES = ("cpu", "gpu")
BATCH_SIZES = {"cpu": 8, "gpu": 32}  # by device, by default


@dataclass(frozen=True)
class MlspSettings:
    """How features are computed and stored.

    Args:
        dtype: "float16", as the MLSP authors stored them: half the space, and a rounding of 1/2048 of a value at most (of
            values under 6e-5, 3e-8). It holds 65,504 at most; a picture with a larger value fails. "float32" rounds nothing.
        views: one of `views.VIEWS`.
        precision: "float32" or "bfloat16", that the body computes in.
        batch_size: views in one pass through the network; None for the device's in BATCH_SIZES.
        device: "cpu" or "gpu", since they do not add up in the same order.

    Raises:
        UnknownName, InvalidInput: anything else.
    """

    dtype: str = "float16"
    views: str = "whole"
    precision: str = "float32"
    batch_size: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("dtype", self.dtype, DTYPES),
            ("choice of views", self.views, VIEWS),
            ("precision", self.precision, PRECISIONS),
            ("device", self.device, DEVICES),
        ):
            if value not in known:
                raise UnknownName(unknown_name(kind, value, known))
        if self.batch_size is None:
            object.__setattr__(self, "batch_size", BATCH_SIZES[self.device])
        elif self.batch_size < 1:
            raise InvalidInput(f"the pictures of a batch are counted from 1. Received: {self.batch_size}")

    @property
    def batch(self) -> int:
        """`batch_size`, decided."""
        return self.batch_size or BATCH_SIZES[self.device]

    def to_dict(self) -> dict[str, Any]:
        """For people and for JSON."""
        return asdict(self)
