"""Three stand-ins for databases of different scales, to train UNIQUE on where only BIQ2021 and pristine pictures are at hand.

    tfiqa data prepare biq2021 BIQ2021 --output biq.csv
    tfiqa data split biq.csv --near-duplicates --output biq_split.csv
    tfiqa extract weak-labels --data pristine.csv --output labels --size 512x384
    python tools/unique_stand_ins.py biq_split.csv labels runs/mtl/manifest.csv stand_ins

Writes `good_mos.csv` and `bad_dmos.csv`, the pictures that people scored, as MOS of 1 to 5 and as DMOS of 0 to 100; the higher a
picture's score, the more probably it is in the first, so that their ranges of quality differ, and groups stay whole. And
`kadis.csv` with the artificial pictures as files: two of the five levels of each distortion of each photograph, with all
measures, split as the training of the weakly supervised network was.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd

from tfiqa.databases.manifest import Manifest, read_manifest, write_manifest
from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
from tfiqa.pipelines.records.packed_picture import source_bytes
from tfiqa.score_scale import ScoreScale

STEEPNESS = 8.0  # how much of a picture's database its rank decides
LEVELS = 2  # of each distortion


def better_ones(scores: pd.Series, groups: pd.Series, seed: int) -> np.ndarray:
    """Which pictures are of the database with the better ones, (N,); scores are such that higher is better."""
    ranks = scores.groupby(groups).transform("mean").rank(pct=True)
    draws = pd.Series(np.random.default_rng(seed).random(groups.nunique()), index=groups.unique())
    return draws.reindex(groups).to_numpy() < 1 / (1 + np.exp(-STEEPNESS * (ranks.to_numpy() - 0.5)))


def write_people(source: Path, folder: Path) -> None:
    """The two databases of people."""
    manifest = read_manifest(source, required=("image", "score", "group", "split"))
    table = manifest.table
    low, high = manifest.scale.low, manifest.scale.high
    assert low is not None
    assert high is not None
    share = (table["score"] - low) / (high - low)
    good = better_ones(share, table["group"], seed=1)
    for name, rows, scale, scores in (
        ("good_mos", good, ScoreScale(1, 5, True, "MOS"), 1 + 4 * share),
        ("bad_dmos", ~good, ScoreScale(0, 100, False, "DMOS"), 100 - 100 * share),
    ):
        own = table.assign(score=scores, database=name)[rows].reset_index(drop=True)
        write_manifest(Manifest(own, manifest.path, scale), folder / f"{name}.csv")
        click.echo(f"{name}: {own['split'].value_counts().to_dict()}")


def write_artificial(labels: Path, trained: Path, folder: Path) -> None:
    """The artificial pictures as files."""
    packed = read_labelled_pictures(labels)
    splits = read_manifest(trained).table
    splits = splits.assign(image=[Path(image).relative_to(labels.resolve()).as_posix() for image in splits["image"]])
    table = packed.manifest.table.merge(splits[["image", "split"]], on="image", how="left", validate="one_to_one")
    random = np.random.default_rng(3)
    chosen = sorted(
        row
        for _, group in table.groupby(["reference", "distortion"])
        for row in random.choice(group.index, LEVELS, replace=False)
    )
    (folder / "kadis").mkdir(parents=True, exist_ok=True)
    table["image"] = ["kadis/" + name.replace("/", "_") for name in table["image"]]
    for row in chosen:
        (folder / table["image"][row]).write_bytes(source_bytes(packed.sources[row]))
    own = table.loc[chosen].drop(columns=["reference"]).assign(database="kadis").reset_index(drop=True)
    write_manifest(Manifest(own, folder / "kadis.csv", ScoreScale(None, None, True, "none")), folder / "kadis.csv")
    click.echo(f"kadis: {own['split'].value_counts().to_dict()}")


@click.command()
@click.argument("people", type=click.Path(path_type=Path))
@click.argument("labels", type=click.Path(path_type=Path))
@click.argument("trained", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
def main(people: Path, labels: Path, trained: Path, output: Path) -> None:
    """Write the stand-ins into OUTPUT: PEOPLE is a split manifest, LABELS a folder of weak labels, TRAINED a run's manifest."""
    output.mkdir(parents=True, exist_ok=True)
    write_people(people, output)
    write_artificial(labels, trained, output)


if __name__ == "__main__":
    main()
