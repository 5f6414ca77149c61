"""What the user is told when something is wrong: one line, what was received and what to do.

Every error that a user can cause derives from `TfiqaError`; the command line prints its text without a traceback.
"""

from __future__ import annotations


class TfiqaError(Exception):
    """Base of all errors meant for people. The text is one line."""


class InvalidInput(TfiqaError, ValueError):
    """A value, option, column or shape that tfiqa cannot take."""


class UnknownName(InvalidInput):
    """A name that no registry holds; the text lists the nearest ones."""


class RecipeError(InvalidInput):
    """A recipe or `--set` value that does not fit the schema."""


class ManifestError(InvalidInput):
    """A manifest that cannot be used; the text gives row numbers."""


class DatabaseLayoutError(InvalidInput):
    """A folder that is not the database it was said to be."""


class CheckpointError(InvalidInput):
    """A weights file that cannot be read, or does not fit the model."""


class MissingWeights(TfiqaError):
    """Weights that are neither in the cache nor to be had; the text says what to fetch and where to put it."""


class TrainingDiverged(TfiqaError):
    """A loss or a prediction that is not finite."""


class StorageError(TfiqaError):
    """Writing failed: disk full, no permission, a folder in the way. Nothing half-written is left behind."""


class MissingPackage(TfiqaError):
    """A Python package that a command needs and that is not installed."""


class PictureError(TfiqaError):
    """A picture that cannot be used.

    Args:
        name: the file, or what stands for it; it opens the text.
        reason: what is wrong, in a few words.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str]]:
        return type(self), (self.name, self.reason)


class MissingPicture(PictureError):
    """The file does not exist or may not be read."""


class EmptyPicture(PictureError):
    """The file holds no bytes."""


class NotAPicture(PictureError):
    """The bytes are no picture format that tfiqa reads."""


class BrokenPicture(PictureError):
    """A picture whose data is truncated or damaged."""


class PictureTooLarge(PictureError):
    """More pixels than the limit allows."""


class UnsupportedPicture(PictureError):
    """A picture of a kind that has no defined 8-bit RGB meaning (floating point, 32-bit integers)."""
