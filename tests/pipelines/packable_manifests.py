"""A small manifest with a column and a picture of every kind that records must carry."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from tfiqa.databases.manifest import Manifest
from tfiqa.score_scale import ScoreScale

SCALE = ScoreScale(0, None, False, "DMOS of our lab")
PATHS = ["photo 1.jpg", "sub/ünïcode 写真.png", "cmyk.jpg", "sub/deep/turned.jpg", "scan.tif", "still.webp", "grey.png"]


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save_pictures(folder):
    """Writes the pictures of PATHS, each of another kind."""
    turned = Image.Exif()
    turned[0x0112] = 6
    pictures = {
        "photo 1.jpg": (Image.fromarray(noise(1, 24, 40, 3)), {}),
        "sub/ünïcode 写真.png": (Image.fromarray(noise(2, 16, 20, 4)), {}),
        "cmyk.jpg": (Image.fromarray(noise(3, 20, 16, 4), mode="CMYK"), {}),
        "sub/deep/turned.jpg": (Image.fromarray(noise(4, 10, 30, 3)), {"exif": turned}),
        "scan.tif": (Image.fromarray(noise(5, 9, 11, 3)), {}),
        "still.webp": (Image.fromarray(noise(6, 12, 14, 3)), {}),
        "grey.png": (Image.fromarray(noise(7, 8, 8)), {}),
    }
    for path, (picture, options) in pictures.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        stream = io.BytesIO()
        picture.save(stream, {"jpg": "JPEG", "png": "PNG", "tif": "TIFF", "webp": "WEBP"}[target.suffix[1:]], **options)
        target.write_bytes(stream.getvalue())


def rich_table(images=PATHS):
    """Seven rows; numbers that no float32 holds, missing cells, odd texts."""
    return pd.DataFrame(
        {
            "score": [0.1, 1 / 3, np.nextafter(1, 2), 1e-300, 12345.678901234567, -0.0, 4e300],
            "image": list(images),
            "score_std": [0.2, np.nan, 2 / 3, np.nan, 5e-324, 0.0, 1.0],
            "group": ["007", None, "1e5", "1", "1", None, "scène"],
            "reference": ["refs/r 1.png", None, "refs/r 1.png", "../r2.png", None, None, None],
            "boxes": ["[[0, 0, 0.5, 1]]", None, "[]", "[[1e-3,2,3,4],[0,0,1,1]]", None, "[]", "[]"],
            "level": [1, 2, 3, 4, 5, -(2**60), 2**62 + 1],
            "scene_indoor": [0, 1, 0, 1, 1, 0, 0],
            "exif_focal_length": [35.0, np.nan, 50.5, np.nan, np.nan, 0.0, 85.0],
            "checked": [True, False, True, True, False, False, True],
            "note": ['a, "b"', "line\nbreak", "NaN", "None", " blank ", "\x00\U0001f4f7", "x"],
        }
    )


def rich_manifest(folder: Path) -> Manifest:
    """The table of `rich_table`, its pictures in `folder`."""
    save_pictures(folder)
    return Manifest(rich_table(), folder / "photos.csv", SCALE)
