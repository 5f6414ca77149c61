"""Whether quality maps find the bad region of the pictures of `tools/paq2piq_stand_ins.py`.

    python tools/paq2piq_localisation.py stand_ins/manifest.csv runs/paq2piq_baseline runs/paq2piq_roipool runs/paq2piq_feedback

Maps the test pictures, of whose originals no version was trained on, and compares each map with the region that was distorted:
`hit`, how often the centre of the worst block lies in it (of several equal ones the mean); `area`, the area under the ROC curve
of the blocks' scores against whether their centres do. By chance `hit` is the share of blocks whose centres do, `area` is .5.
Intervals are of 95 %, by bootstrap over the groups of near-duplicates. `paq2piq_baseline` is mapped twice: by its head on
RoI-pooled features (`tfiqa map`'s way), and by a window cut out around each block and scored as a picture of its own. Last come
the SRCC with the scores of pictures and of patches, by size; the baseline's patches are pictures of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from tfiqa.databases.box_rows import box_rows
from tfiqa.databases.manifest import read_manifest
from tfiqa.evaluation.boxes_report import evaluate_boxes, size_classes
from tfiqa.evaluation.correlation import srcc
from tfiqa.explain.blocks import block_boxes
from tfiqa.explain.quality_map import QualityMapper
from tfiqa.explain.windows import windows_around
from tfiqa.images.decode import decode_picture
from tfiqa.models.quality_model import QualityModel
from tfiqa.pipelines.box_scoring import BoxPredictor
from tfiqa.weights.build import read_model

WINDOW = 64  # pixels: between the patches of 30 and 40 % of 192
DRAWS = 2000

Picture = NDArray[np.uint8]
Map = NDArray[np.float32]


def windows_map(model: QualityModel, grid: int) -> Callable[[Picture], Map]:
    """A map by windows cut out."""
    predictor = BoxPredictor(model)

    def mapped(picture: Picture) -> Map:
        height, width = picture.shape[:2]
        blocks = block_boxes(grid, grid, height, width).reshape(-1, 4)
        windows, places = np.unique(windows_around(blocks, WINDOW, height, width), axis=0, return_inverse=True)
        return predictor.predict(picture, windows).box_quality[places.ravel()].reshape(grid, grid)

    return mapped


def maps_of(model: QualityModel, grid: int) -> dict[str, Callable[[Picture], Map]]:
    """The ways to map with a model, by what to call them."""
    mapper = QualityMapper(model, str(grid))
    name = model.info.model
    ways: dict[str, Callable[[Picture], Map]] = {name: lambda picture: mapper.map(picture).local}
    if name == "paq2piq_baseline":
        ways[f"{name}, {WINDOW}x{WINDOW} windows"] = windows_map(model, grid)
    return ways


def centres_within(region: list[int], grid: int, height: int, width: int) -> NDArray[np.bool_]:
    """Which blocks (grid, grid) have their centres in a region."""
    blocks = block_boxes(grid, grid, height, width)
    across, down = (blocks[..., :2] + blocks[..., 2:]).transpose(2, 0, 1) / 2
    left, top, right, bottom = region
    return (left <= across) & (across < right) & (top <= down) & (down < bottom)


def localisation(local: Map, bad: NDArray[np.bool_]) -> tuple[float, float]:
    """`hit` and `area` of a map that is turned so that low is bad."""
    return float(bad[local == local.min()].mean()), float(roc_auc_score(bad.ravel(), -local.ravel()))


def interval(values: NDArray[np.float64], groups: pd.Series) -> str:
    """Mean and 95 % interval."""
    by_group = (
        pd.DataFrame({"value": values, "group": groups}).groupby("group")["value"].agg(["sum", "count"]).to_numpy()
    )
    random = np.random.default_rng(0)
    drawn = by_group[random.integers(0, len(by_group), (DRAWS, len(by_group)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--grid", default=6, show_default=True, help="Blocks a side; 6 of 192 pixels are the network's cells.")
def main(data: Path, runs: tuple[Path, ...], grid: int) -> None:
    """Compare the maps of the models in RUNS on the test pictures of DATA."""
    manifest = read_manifest(data, required=("image", "score", "group", "split", "region"))
    chosen = np.flatnonzero(manifest.table["split"] == "test")
    table = manifest.table.iloc[chosen].reset_index(drop=True)
    pictures = [decode_picture(manifest.picture_paths()[row]) for row in chosen]
    boxes, scores = ([each[row] for row in chosen] for each in box_rows(manifest))
    bad = [
        centres_within(json.loads(region), grid, *picture.shape[:2])
        for region, picture in zip(table["region"], pictures, strict=True)
    ]
    scale = manifest.scale
    columns = {"chance": np.array([[own.mean(), 0.5] for own in bad])}
    agreements = []
    for run in runs:
        model = read_model(run / "model.keras")
        for name, mapped in maps_of(model, grid).items():
            found = [
                localisation(scale.oriented(mapped(picture)), own)
                for picture, own in zip(tqdm(pictures), bad, strict=True)
            ]
            columns[name] = np.array(found)
        predictor = BoxPredictor(model, guided=True)
        told = [predictor.predict(picture, own) for picture, own in zip(pictures, boxes, strict=True)]
        sizes = [size_classes(own, *picture.shape[:2]) for own, picture in zip(boxes, pictures, strict=True)]
        report = evaluate_boxes(
            np.concatenate([own.box_quality for own in told]),
            np.concatenate(scores),
            np.concatenate(sizes),
            prediction_scale=scale,
            score_scale=scale,
        )
        by_size = " | ".join(f"{each.srcc:.3f}" for each in report.sizes)
        agreements.append(
            f"| {model.info.model} | {srcc([own.quality for own in told], table['score']):.3f} | {by_size} |"
        )
    click.echo(
        f"{len(table)} pictures of {table['group'].nunique()} groups, grid {grid}\n\n| | hit | area |\n| --- | --- | --- |"
    )
    for name, values in columns.items():
        click.echo(f"| {name} | {interval(values[:, 0], table['group'])} | {interval(values[:, 1], table['group'])} |")
    names = list(columns)
    click.echo(
        "\nMeans by distortion, hit and area:\n\n| | " + " | ".join(names) + " |" + "\n|" + " --- |" * (1 + len(names))
    )
    for kind, rows in table.groupby("distortion").groups.items():
        means = [columns[name][rows].mean(axis=0) for name in names]
        click.echo(f"| {kind} | " + " | ".join(f"{hit:.2f}, {area:.2f}" for hit, area in means) + " |")
    click.echo("\n| SRCC | pictures | " + " | ".join(f"{each.size} %" for each in report.sizes) + " |")
    click.echo("| --- |" + " --- |" * (1 + len(report.sizes)))
    click.echo("\n".join(agreements))


if __name__ == "__main__":
    main()
