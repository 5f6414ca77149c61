"""What the 37 numbers of a scene descriptor are, and what types of scenes are called in a table."""

from __future__ import annotations

BINS = 16  # of each of the two histograms, which come first
EDGES = ("vertical", "horizontal", "45 degrees", "135 degrees", "non-directional")
LENGTH = 2 * BINS + len(EDGES)
PEAK = 255.0  # the blocks' means are from 0 to this
LARGEST_DEVIATION = PEAK / 2  # of values from 0 to PEAK


def scene_columns(count: int) -> tuple[str, ...]:
    """The manifest's columns of so many types, each 1 in the rows of its pictures and else 0."""
    return tuple(f"scene_{number}" for number in range(count))
