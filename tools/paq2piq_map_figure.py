"""Maps of several models on pictures with one bad region, as one figure.

    python tools/paq2piq_map_figure.py figure.png runs/baseline runs/roipool runs/feedback
    python tools/paq2piq_map_figure.py sheet.png --data stand_ins/manifest.csv --count 8 runs/...

A row a picture: as it is, with the bad region outlined, then each model's map over it (magma, dark is bad, each map stretched by
itself), with the worst block outlined. Without --data the pictures are scikit-image's, distorted as `paq2piq_stand_ins.py`
distorts; with it they are test pictures of its manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from paq2piq_stand_ins import SIDE, Box, with_bad_region
from PIL import Image, ImageDraw

from tfiqa.databases.manifest import read_manifest
from tfiqa.explain.overlay import blend, magma, stretch
from tfiqa.explain.quality_map import QualityMapper
from tfiqa.images.decode import decode_picture
from tfiqa.weights.build import read_model

PICTURES = ("astronaut", "chelsea", "coffee", "rocket", "retina")
GAP = 4  # pixels between the pictures of a figure
TITLE = 14  # pixels above each
REGION, WORST = (0, 255, 0), (0, 255, 255)

Picture = NDArray[np.uint8]


def scikit_images() -> Iterator[tuple[Picture, Box, str]]:
    """Pictures with a bad region, which it is, and what is wrong there."""
    from skimage import data

    for number, name in enumerate(PICTURES):
        whole = Image.fromarray(np.asarray(getattr(data, name)())[..., :3])
        side = min(whole.size)
        left, top = (whole.width - side) // 2, (whole.height - side) // 2
        square = whole.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        bad, region, kind, level = with_bad_region(np.asarray(square), np.random.default_rng([7, number]))
        yield bad, region, f"{kind} {level}"


def test_pictures(data: Path, count: int) -> Iterator[tuple[Picture, Box, str]]:
    """As `scikit_images`, of a manifest's test pictures, drawn with a fixed seed."""
    manifest = read_manifest(data, required=("image", "split", "region", "distortion", "level"))
    rows = np.flatnonzero(manifest.table["split"] == "test")
    for row in np.random.default_rng(3).choice(rows, count, replace=False):
        values = manifest.table.iloc[row]
        picture = decode_picture(manifest.picture_paths()[row])
        yield picture, tuple(json.loads(values["region"])), f"{values['distortion']} {values['level']}"


def outlined(picture: Picture, box: Box, colour: tuple[int, int, int]) -> Picture:
    """A picture with a box drawn on it."""
    image = Image.fromarray(picture)
    left, top, right, bottom = box
    ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), outline=colour, width=2)
    return np.asarray(image)


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="A stand-in's manifest.")
@click.option("--count", default=8, show_default=True, help="Its pictures.")
@click.option("--grid", default=6, show_default=True, help="Blocks a side.")
def main(output: Path, runs: tuple[Path, ...], data: Path | None, count: int, grid: int) -> None:
    """Draw the maps of the models in RUNS into OUTPUT."""
    models = [read_model(run / "model.keras") for run in runs]
    mappers = [QualityMapper(model, str(grid)) for model in models]
    pictures = list(scikit_images() if data is None else test_pictures(data, count))
    step = SIDE + GAP
    sheet = Image.new("RGB", (GAP + step * (1 + len(runs)), (step + TITLE) * len(pictures)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (picture, region, what) in enumerate(pictures):
        panels = [(what, outlined(picture, region, REGION))]
        for model, mapper in zip(models, mappers, strict=True):
            found = mapper.map(picture)
            good = model.info.scale.oriented(found.local)
            worst = found.blocks[found.worst(1)[0]]
            over = outlined(blend(picture, magma(stretch(good))), tuple(map(int, worst)), WORST)
            panels.append((model.info.model, outlined(over, region, REGION)))
        for column, (title, panel) in enumerate(panels):
            place = GAP + column * step, row * (step + TITLE)
            draw.text(place, title, fill="black")
            sheet.paste(Image.fromarray(panel), (place[0], place[1] + TITLE))
    sheet.save(output)


if __name__ == "__main__":
    main()
