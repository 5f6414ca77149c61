"""The pairs of the reference data, with what the authors' code gives for them."""

import csv
import math

import numpy as np
from PIL import Image


def reference_pairs(shared, measure, implementation, table="reference_values.csv"):
    """(name, reference, distorted, value) of the rows of one measure whose value is a finite real number."""
    folder = shared / "full_reference"
    with open(folder / table, newline="") as file:
        for row in csv.DictReader(file):
            if (row["metric"], row["implementation"]) != (measure, implementation) or row["value"].endswith("i"):
                continue
            if math.isfinite(float(row["value"])):
                yield (
                    row["pair"],
                    *(_pixels(folder / "pairs" / row[key]) for key in ("reference", "distorted")),
                    float(row["value"]),
                )


def _pixels(path):
    pixels = np.asarray(Image.open(path))
    # Octave read this white picture as logical, so that the authors' code was given ones.
    return np.ones_like(pixels) if path.name == "edge_flat255.png" else pixels


def worst_difference(pairs, compute):
    """The largest difference between what is computed and the values, and the pair that has it; no pairs is an error."""
    return max((abs(float(compute(r, d)) - value), name) for name, r, d, value in pairs)
