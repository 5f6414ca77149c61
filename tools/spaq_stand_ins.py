"""Adds measured stand-ins for SPAQ's attributes and scenes to a manifest, so that MT-A and MT-S can be trained on
pictures that nobody annotated.

    python tools/spaq_stand_ins.py biq_split.csv stand_ins.csv

These are measurements, not opinions: a model that predicts them shows that the method works, and says nothing about how
people see brightness or noise. Each is scaled to 0..100:

brightness    mean of R + G + B over its greatest possible value
colorfulness  Hasler and Suesstrunk's M(3), 100 and more as 100
contrast      RMS contrast over its greatest possible value
noisiness     100 less 5 times the noise estimate (grey levels) of J. Immerkaer, "Fast noise variance estimation",
              Computer Vision and Image Understanding 64(2), 1996; cleaner is higher, as in SPAQ
sharpness     100 (1 - exp(-SI / 50)) of the spatial information SI

The score is brought to 0..100 as well, as SPAQ's, so that the losses are of one size. The scene is night_scene where the
brightness is below 20, else plant where green is the strongest channel on average, else others.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import convolve

from tfiqa.databases.manifest import read_manifest, write_manifest
from tfiqa.images.decode import decode_picture
from tfiqa.images.statistics import GREY, picture_statistics
from tfiqa.in_order import map_in_order
from tfiqa.models.spaq import SCENE_COLUMNS

DARK = 20.0
LAPLACIAN_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], float)  # Immerkaer's mask


def noise_deviation(grey: np.ndarray) -> float:
    """Immerkaer's estimate of the standard deviation of white noise, in grey levels."""
    response = convolve(grey, LAPLACIAN_DIFFERENCE, mode="nearest")[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(response).mean())


def stand_ins(path: Path) -> dict[str, float]:
    """Attributes and scene of one picture."""
    picture = decode_picture(path)
    measured = picture_statistics(picture)
    brightness = measured.absolute_brightness / 765 * 100
    red, green, blue = picture.reshape(-1, 3).mean(axis=0)
    scene = "night_scene" if brightness < DARK else "plant" if green > max(red, blue) else "others"
    return {
        "brightness": brightness,
        "colorfulness": min(measured.hasler_colorfulness, 100.0),
        "contrast": measured.rms_contrast * 200,
        "noisiness": max(100 - 5 * noise_deviation(picture @ GREY), 0.0),
        "sharpness": 100 * (1 - float(np.exp(-measured.spatial_information / 50))),
        **{column: float(column == f"scene_{scene}") for column in SCENE_COLUMNS},
    }


def main() -> None:
    """Reads a manifest and writes it with the columns added."""
    source, target = sys.argv[1:]
    manifest = read_manifest(source)
    rows = list(map_in_order(stand_ins, manifest.picture_paths(), os.cpu_count() or 1))
    low, high = manifest.scale.low, manifest.scale.high
    if low is None or high is None:
        sys.exit(f"error: the scores of {source} have no bounds")
    table = manifest.table.assign(score=(manifest.table["score"] - low) / (high - low) * 100, **pd.DataFrame(rows))
    write_manifest(replace(manifest, table=table, scale=replace(manifest.scale, low=0.0, high=100.0)), target)


if __name__ == "__main__":
    main()
