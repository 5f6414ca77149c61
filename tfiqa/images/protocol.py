"""What a model is shown of a picture: its size and its patches. Part of the model, saved and exported with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput
from tfiqa.images.patches import ENDS, extract_patches, patch_grid
from tfiqa.images.resize import ResizePolicy, parse_policy
from tfiqa.registry import unknown_name


@dataclass(frozen=True)
class PictureProtocol:
    """How a decoded picture becomes what a model is given.

    Args:
        resize: text of a resize policy, such as "shorter_side:512".
        patch_size: pixels of a patch along each side; None for the whole picture.
        patch_stride: pixels from one patch to the next; None with `patch_size` None.
        patch_ends: "flush" or "within", what becomes of the picture's far borders; see `patches.patch_starts`.
        patch_margin: pixels of its surroundings that each patch brings along on every side, the picture mirrored at its border.
        scaled_decoding: whether JPEGs that `resize` makes much smaller are decoded at a fraction of their size: many
            times faster, nearly the same pixels (see `scaled_decoding`). Pictures that come decoded are not concerned, and
            policies that scale nothing are not either.

    Raises:
        InvalidInput: for a policy or patches that do not make sense.
    """

    resize: str = "native"
    patch_size: int | None = None
    patch_stride: int | None = None
    patch_ends: str = "flush"
    patch_margin: int = 0
    scaled_decoding: bool = False

    def __post_init__(self) -> None:
        parse_policy(self.resize)
        given = (self.patch_size, self.patch_stride)
        if given != (None, None) and not all(isinstance(value, int) and value >= 1 for value in given):
            raise InvalidInput(
                f"patch_size and patch_stride are both None or both at least 1. Received: {given[0]} and {given[1]}"
            )
        if self.patch_ends not in ENDS:
            raise InvalidInput(unknown_name("patch_ends", str(self.patch_ends), ENDS))
        greatest = (self.patch_size or 0) if self.patch_ends == "within" else 0  # a mirror needs a whole patch
        if not isinstance(self.patch_margin, int) or not 0 <= self.patch_margin <= greatest:
            raise InvalidInput(
                f"patch_margin is from 0 to patch_size, and 0 unless patch_ends is within. Received: {self.patch_margin}"
            )

        if not isinstance(self.scaled_decoding, bool):
            raise InvalidInput(f"scaled_decoding is true or false. Received: {self.scaled_decoding!r}")

    @property
    def scaled_for(self) -> ResizePolicy | None:
        """The policy, one that scales, for which large JPEGs are decoded at a fraction of their size; None where none are.

        Such a picture comes at the policy's size. The policy leaves it as it is, so `prepare` takes both kinds.
        """
        return self.policy if self.scaled_decoding and self.policy.kind in ("shorter_side", "stretch") else None

    @property
    def policy(self) -> ResizePolicy:
        """The resize policy that `resize` names."""
        return parse_policy(self.resize)

    def prepare(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the model is given of a picture.

        Args:
            picture: uint8 (H,W,3).

        Returns:
            uint8 (P,h,w,3): the patches, or the whole picture as the only one.

        Raises:
            InvalidInput: for a picture that the resize policy does not take, or that is too small for its patches.
        """
        resized = self.policy.apply(picture)
        if self.patch_size is None or self.patch_stride is None:
            return resized[np.newaxis]
        return extract_patches(resized, self.patch_size, self.patch_stride, self.patch_ends, self.patch_margin)

    def count(self, height: int, width: int) -> int:
        """How many patches `prepare` makes of a picture of this size, 1 of a whole one. Raises InvalidInput as it does."""
        size = self.policy.output_size(height, width)
        if self.patch_size is None or self.patch_stride is None:
            return 1
        return len(patch_grid(*size, self.patch_size, self.patch_stride, self.patch_ends))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary that `from_dict` takes back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PictureProtocol:
        """The protocol that `to_dict` wrote. Raises InvalidInput for other keys or senseless values."""
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in values if name not in known]:
            raise InvalidInput(f"a picture protocol has {', '.join(known)}. Received also: {', '.join(unknown)}")
        return cls(**values)
