"""KADID-10k's 25 artificial distortions at five levels, as their authors' program makes them.

What of it is byte for byte theirs, and what could not be, is in docs/distortions.md.
"""

from tfiqa.distortions.apply import apply
from tfiqa.distortions.levels import DISTORTIONS, LEVELS, NAMES, NUMBERS, Distortion

__all__ = ["DISTORTIONS", "LEVELS", "NAMES", "NUMBERS", "Distortion", "apply"]
