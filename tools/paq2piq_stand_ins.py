"""A stand-in for FLIVE, to train PaQ-2-PiQ on where it is not at hand: pictures with one bad region, whose place is known.

    tfiqa data prepare biq2021 BIQ2021 --output biq.csv
    tfiqa data split biq.csv --near-duplicates --output biq_split.csv
    python tools/paq2piq_stand_ins.py biq_split.csv stand_ins

Each picture, reduced to 192x192, comes in several versions: in each a rectangle of 30 to 50 % of the sides is blurred, noisy, too
bright or too dark (level 3 to 5 of KADID-10k's, without its contrast stretches), with soft edges. Writes the pictures and
`manifest.csv`: the score is 100 (1 - SSIM) between a version and its original, over the whole picture, and over each of three
patches of 40, 30 and 20 % of the sides at random places (`boxes`, `box_scores`), as large as FLIVE's. Scores near 0, where a
fresh head begins, save the first epochs. `region` (JSON) is the rectangle, `distortion` and `level` say what is wrong there. What
was wrong with the originals is in no score. Splits and groups are those of the manifest that is given.

`patches.csv` has four 64x64 patches of each version as pictures of their own, two with their middle in the bad region and two
anywhere: a body that starts from nothing learns from them at a ninth of the cost.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tqdm import tqdm

from tfiqa import distortions
from tfiqa.databases.manifest import Manifest, read_manifest, write_manifest
from tfiqa.full_reference import ssim
from tfiqa.images.decode import decode_picture
from tfiqa.score_scale import ScoreScale

SIDE = 192
TYPES = ("gaussian_blur", "lens_blur", "motion_blur", "white_noise", "impulse_noise", "brighten", "darken")
LEVELS = (3, 4, 5)
REGION = (0.3, 0.5)  # share of the picture's sides
PATCHES = (0.4, 0.3, 0.2)  # FLIVE's
CUT = 64  # pixels, side of the patches cut out
EDGE = 2.0  # pixels, standard deviation of the region's soft edge
SCALE = ScoreScale(0.0, 100.0, False, "100 (1 - SSIM)")

Box = tuple[int, int, int, int]


def random_box(random: np.random.Generator, width: int, height: int) -> Box:
    """Left, top, right and bottom of a box of that size somewhere in a picture."""
    left, top = (int(random.integers(0, SIDE - side + 1)) for side in (width, height))
    return left, top, left + width, top + height


def with_bad_region(picture: NDArray[np.uint8], random: np.random.Generator) -> tuple[NDArray[np.uint8], Box, str, int]:
    """A picture with one region distorted, the region, the distortion and its level."""
    name, level = str(random.choice(TYPES)), int(random.choice(LEVELS))
    width, height = (round(SIDE * share) for share in random.uniform(*REGION, 2))
    region = random_box(random, width, height)
    bad = distortions.apply(name, picture, level=level, seed=int(random.integers(2**31)), stretch=False)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[region[1] : region[3], region[0] : region[2]] = 255
    soft = np.asarray(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(EDGE)), np.float32)[..., None] / 255
    return np.rint(picture + soft * (bad.astype(np.float32) - picture)).astype(np.uint8), region, name, level


def loss(original: NDArray[np.uint8], version: NDArray[np.uint8], box: Box) -> float:
    """100 (1 - SSIM) in a box."""
    left, top, right, bottom = box
    return 100 * (1 - float(ssim(original[top:bottom, left:right], version[top:bottom, left:right])))


def cut_out(region: Box, random: np.random.Generator) -> list[Box]:
    """The four patches: two around points of the region, two anywhere."""
    middles = np.concatenate([random.uniform(region[:2], region[2:], (2, 2)), random.uniform(0, SIDE, (2, 2))])
    corners = np.clip(np.rint(middles - CUT / 2), 0, SIDE - CUT).astype(int)
    return [(int(left), int(top), int(left) + CUT, int(top) + CUT) for left, top in corners]


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--versions", default=3, show_default=True, help="Of each picture.")
@click.option("--seed", default=1, show_default=True)
def main(source: Path, output: Path, versions: int, seed: int) -> None:
    """Write the stand-in into OUTPUT, made of the pictures of the split manifest SOURCE."""
    manifest = read_manifest(source, required=("image", "group", "split"))
    (output / "patches").mkdir(parents=True, exist_ok=True)
    rows, patches = [], []
    for place, (path, row) in enumerate(
        zip(tqdm(manifest.picture_paths(), disable=None), manifest.table.to_dict("records"), strict=True)
    ):
        whole = Image.fromarray(decode_picture(path))
        picture = np.asarray(whole.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
        for version in range(versions):
            random = np.random.default_rng([seed, place, version])
            bad, region, kind, level = with_bad_region(picture, random)
            boxes = [random_box(random, side, side) for side in (round(SIDE * share) for share in PATCHES)]
            file = f"{path.stem}_{version}.png"
            Image.fromarray(bad).save(output / file)
            side = {"group": row["group"], "split": row["split"]}
            for number, patch in enumerate(cut_out(region, np.random.default_rng([seed, place, version, 1]))):
                name = f"patches/{path.stem}_{version}_{number}.png"
                Image.fromarray(bad).crop(patch).save(output / name)
                patches.append({"image": name, "score": loss(picture, bad, patch), **side})
            rows.append(
                {
                    "image": file,
                    "score": loss(picture, bad, (0, 0, SIDE, SIDE)),
                    "boxes": json.dumps(boxes),
                    "box_scores": json.dumps([loss(picture, bad, box) for box in boxes]),
                    **side,
                    "distortion": kind,
                    "level": level,
                    "region": json.dumps(region),
                }
            )
    for file, written in (("manifest.csv", rows), ("patches.csv", patches)):
        table = pd.DataFrame(written)
        write_manifest(Manifest(table, output / file, SCALE), output / file)
        click.echo(f"{file}: {table['split'].value_counts().to_dict()}")


if __name__ == "__main__":
    main()
