"""The pictures of TID2013 and KADID-10k at hand, with people's scores."""

import csv

import numpy as np
from PIL import Image
from scipy.stats import spearmanr


def scored_samples(shared):
    """(name, reference, distorted, mean score within its database brought to 0..1), those of TID2013 first."""
    samples = shared / "data/samples"
    for folder, table, column, low, high in (
        ("tid2013_samples", "tid_samples.csv", "mos", 0, 9),
        ("kadid10k_samples", "kadid_samples.csv", "dmos", 1, 5),
    ):
        references = {p.stem.lower(): p for p in (samples / folder).rglob("I??.*")}
        with open(samples / folder / table, newline="") as file:
            for row in csv.DictReader(file):
                path = samples / folder / row["file"]
                reference = references.get(path.name[:3].lower())
                if row[column] and reference:
                    pixels = (np.asarray(Image.open(p).convert("RGB")) for p in (reference, path))
                    yield path.name, *pixels, (float(row[column]) - low) / (high - low)


def rank_correlation(pairs, measure):
    """The absolute SRCC of a measure with the scores."""
    values = [float(measure(reference, distorted)) for _, reference, distorted, _ in pairs]
    return abs(spearmanr(values, [score for *_, score in pairs]).statistic)
