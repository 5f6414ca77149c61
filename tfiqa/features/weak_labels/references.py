"""What is to be labelled: references, each with its distorted versions."""

from __future__ import annotations

from dataclasses import dataclass

from tfiqa.distortions.levels import LEVELS, NUMBERS
from tfiqa.features.weak_labels.draw import DRAWS, drawn_types


@dataclass(frozen=True, slots=True)
class Carried:
    """What records take over from the manifest.

    Args:
        group: what must not straddle a split; the reference's key where the manifest does not say.
        split: train, validation or test; None where the manifest has no splits.
        database: None where the manifest does not say.
    """

    group: str
    split: str | None
    database: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """A distorted picture.

    Args:
        image: its key.
        distortion: its type.
        level: as the manifest or KADID's program counts.
        carried: for its record.
        path: its file; None where it is made from the reference.
        scores: those that the manifest gives, in the order of the measures; None where it is measured.
    """

    image: str
    distortion: str
    level: int
    carried: Carried
    path: str | None = None
    scores: tuple[float, ...] | None = None

    @property
    def needs_reference(self) -> bool:
        """Whether there is anything to make or to measure."""
        return self.path is None or self.scores is None


@dataclass(frozen=True, slots=True)
class Pristine:
    """How the versions of a pristine picture come about.

    Args:
        stem: what their keys begin with.
        draw: how many types, as in `DRAWS`; None where `distortion` tells the one.
        distortion: the type.
        carried: for their records.
    """

    stem: str
    draw: str | None
    distortion: str | None
    carried: Carried

    def __len__(self) -> int:
        return len(LEVELS) * (DRAWS[self.draw] if self.draw else 1)

    def draw_versions(self, digest: bytes) -> tuple[Version, ...]:
        """All levels of the types; `digest` is the picture's, as `draw.picture_digest` gives it."""
        types = drawn_types(digest, DRAWS[self.draw]) if self.draw else (str(self.distortion),)
        return tuple(
            Version(f"{self.stem}_{NUMBERS[name]:02}_{level:02}.png", name, level, self.carried)
            for name in types
            for level in LEVELS
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture with its distorted versions.

    Args:
        path: its file.
        key: its path relative to the folder that holds all pictures.
        versions: as the manifest lists them, or how they come about.
    """

    path: str
    key: str
    versions: tuple[Version, ...] | Pristine

    def __len__(self) -> int:
        """How many records it makes when nothing fails."""
        return len(self.versions)
