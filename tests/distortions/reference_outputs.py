"""The reference outputs of the 25 types: what made each row, and how to make it again."""

import csv
import hashlib

import numpy as np
from skimage.data import astronaut, coffee

from tfiqa.distortions import NAMES

# Types whose random choices can be given; the others draw noise, which is compared by its statistics.
GIVEN = ("motion_blur", "color_shift", "non_eccentricity_patch", "color_block")


def photograph(name):
    """The photograph of a row."""
    return {"astronaut": astronaut()[:384], "coffee": coffee()[8:392, 40:552]}[name]


def rows(shared):
    """The rows of the reference table, with names and choices."""
    with open(shared / "distortions" / "reference.csv", newline="") as file:
        table = list(csv.DictReader(file))
    for row in table:
        row["name"], row["level"] = NAMES[int(row["type"]) - 1], int(row["level"])
        row["choices"] = _choices(row["name"], row["draw"]) if row["name"] in GIVEN else None
    return table


def is_equal(picture, row):
    """Whether a picture has the bytes of a row's."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest() == row["sha256_rgb_bytes"]


def _choices(name, text):
    if name in ("motion_blur", "color_shift"):
        numbers = [int(part.split("=")[1]) for part in text.split()]
        return numbers[0] if name == "motion_blur" else tuple(numbers)
    parts = [part for part in text.split(";") if part]
    if name == "color_block":
        halves = [part.split(":") for part in parts]
        return [(tuple(map(int, place.split(","))), tuple(map(float, color.split(",")))) for place, color in halves]
    return [tuple(tuple(map(int, place.split(","))) for place in part.split(">")) for part in parts]
