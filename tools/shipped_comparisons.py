"""Which of two pictures a model puts first where nobody would hesitate: photographs damaged as phones damage them.

    python tools/shipped_comparisons.py --model saved_models/tfiqa_small

Seven photographs that come with scikit-image and scikit-learn, whole and reduced to 60 %, damaged in the nine ways of
`phone_damage.KINDS`, mildly and strongly. The comparisons: the original is better than either, mildly damaged better than
strongly. The list was written, and the pictures looked at, before there was a model to measure. Left out: more light for `rocket`
and `flower`, which are dark and can gain by it. Equal scores are wrong.

Prints the share of right comparisons by kind and by photograph, and every wrong one with its two scores.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import pandas as pd
from phone_damage import KINDS, Picture
from PIL import Image
from scored_pictures import scores, tool_command

if TYPE_CHECKING:
    from tfiqa.serving.scorer import Scorer

REDUCED = 0.6
VIEWS = ("whole", "reduced")
UNFIT = {("rocket", "overexposed"), ("flower", "overexposed")}  # photograph and kind
ORDERS = (("original", "mild"), ("mild", "strong"), ("original", "strong"))  # better, worse


@dataclass(frozen=True)
class Comparison:
    """Two versions of a photograph, of which one is better.

    Args:
        photograph: one of `PHOTOGRAPHS`.
        view: one of `VIEWS`.
        kind: of the damage, one of `KINDS`.
        better: original, mild or strong.
        worse: the same.
    """

    photograph: str
    view: str
    kind: str
    better: str
    worse: str

    @property
    def pictures(self) -> tuple[str, str]:
        """The names of the better and the worse picture."""
        better, worse = (
            picture_name(self.photograph, self.view, self.kind, each) for each in (self.better, self.worse)
        )
        return better, worse

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.photograph}, {self.view}: {self.better} above {self.worse}, {self.kind}"


def picture_name(photograph: str, view: str, kind: str, strength: str) -> str:
    """Such as "coffee, whole, noisy, mild"; originals have no kind."""
    return ", ".join([photograph, view, strength] if strength == "original" else [photograph, view, kind, strength])


def _of_scikit_image(name: str) -> Callable[[], Picture]:
    def load() -> Picture:
        from skimage import data

        return np.asarray(getattr(data, name)())

    return load


def _motorcycle() -> Picture:
    from skimage import data

    return np.asarray(data.stereo_motorcycle()[0])


def _of_scikit_learn(name: str) -> Callable[[], Picture]:
    def load() -> Picture:
        from sklearn.datasets import load_sample_image

        return np.asarray(load_sample_image(f"{name}.jpg"))

    return load


PHOTOGRAPHS: Mapping[str, Callable[[], Picture]] = {
    "astronaut": _of_scikit_image("astronaut"),
    "chelsea": _of_scikit_image("chelsea"),
    "coffee": _of_scikit_image("coffee"),
    "rocket": _of_scikit_image("rocket"),
    "motorcycle": _motorcycle,
    "china": _of_scikit_learn("china"),
    "flower": _of_scikit_learn("flower"),
}
COMPARISONS = tuple(
    Comparison(photograph, view, kind, better, worse)
    for kind in KINDS
    for photograph in PHOTOGRAPHS
    for view in VIEWS
    for better, worse in ORDERS
    if (photograph, kind) not in UNFIT
)


def pictures() -> Iterator[tuple[str, Picture]]:
    """Every picture of the comparisons once, with its name; uint8 (H, W, 3)."""
    for photograph, load in PHOTOGRAPHS.items():
        whole = load()
        for view in VIEWS:
            original = whole if view == "whole" else _reduced(whole)
            yield picture_name(photograph, view, "", "original"), original
            for kind, damage in KINDS.items():
                if (photograph, kind) in UNFIT:
                    continue
                for strength, amount in (("mild", damage.mild), ("strong", damage.strong)):
                    random = np.random.default_rng(zlib.crc32(f"{photograph}, {view}, {kind}".encode()))
                    yield picture_name(photograph, view, kind, strength), damage.apply(original, amount, random)


def _reduced(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    size = round(width * REDUCED), round(height * REDUCED)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def scores_of(scorer: Scorer) -> dict[str, float]:
    """By picture, the model's score, turned so that higher is better."""
    from tfiqa.features.weak_labels.png import png_bytes

    names, files = [], []
    for name, picture in pictures():
        names.append(name)
        files.append(png_bytes(picture))
    return dict(zip(names, scores(scorer, files), strict=True))


def judged(found: Mapping[str, float]) -> pd.DataFrame:
    """A row a comparison of `COMPARISONS`: its parts, its name, the scores of both pictures, and whether it is `right`."""
    rows = []
    for each in COMPARISONS:
        better, worse = (found[name] for name in each.pictures)
        rows.append(
            {
                "kind": each.kind,
                "photograph": each.photograph,
                "view": each.view,
                "order": f"{each.better} above {each.worse}",
                "name": each.name,
                "better": better,
                "worse": worse,
                "right": better > worse,
            }
        )
    return pd.DataFrame(rows)


def counts(table: pd.DataFrame, column: str) -> list[str]:
    """A Markdown table: by value of a column, the right comparisons of each order."""
    orders = [f"{better} above {worse}" for better, worse in ORDERS]
    lines = [f"| {column} | {' | '.join(orders)} | all |", "| --- |" + " --- |" * (len(orders) + 1)]
    parts = [*table.groupby(column, sort=False), ("all", table)]
    for name, rows in parts:
        cells = [rows[rows["order"] == order]["right"] for order in orders] + [rows["right"]]
        lines.append(f"| {name} | " + " | ".join(f"{cell.sum()} of {len(cell)}" for cell in cells) + " |")
    return lines


@click.command()
@click.option("--model", type=click.Path(path_type=Path), required=True, help="As `tfiqa score --model` takes it.")
@click.option("--output", type=click.Path(path_type=Path), help="CSV of every comparison.")
@click.option("--pictures", "folder", type=click.Path(path_type=Path), help="Folder for the pictures, to look at.")
def main(model: Path, output: Path | None, folder: Path | None) -> None:
    """Count the comparisons that a model gets right."""
    from tfiqa.serving.scorer import Scorer

    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures():
            Image.fromarray(picture).save(folder / f"{name.replace(', ', '_')}.png")
    table = judged(scores_of(Scorer.load(model)))
    if output:
        table.to_csv(output, index=False)
    click.echo("\n".join([*counts(table, "kind"), "", *counts(table, "photograph"), "", *counts(table, "view")]))
    wrong = table[~table["right"]]
    click.echo(f"\n{len(wrong)} of {len(table)} are wrong ({table['right'].mean():.1%} right)")
    for row in wrong.itertuples():
        click.echo(f"  {row.name}: {row.better:.4g} and {row.worse:.4g}")


if __name__ == "__main__":
    tool_command(main)
