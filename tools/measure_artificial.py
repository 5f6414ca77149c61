"""How a model orders artificially distorted pictures: beside the full-reference measures, and from level to level.

    tfiqa extract weak-labels --data kodak.csv --output labels/ --draw all --size 512x384
    python tools/measure_artificial.py labels/ --model saved_models/tfiqa_small --output scores.csv
    python tools/measure_artificial.py kodak/ --size 512x384 --model runs/mtl           # makes and measures, keeps nothing

SOURCE is a finished folder of weak labels, or a folder of pristine pictures, of each of which the 25 distortions at five levels
are made as `tfiqa extract weak-labels` makes them with the same seed. Prints

- by measure the SRCC of the score with it, over all pictures and as the median over the contents of the SRCC within each;
- by type of distortion the same with `--measure`, then the mean over contents of SRCC(severity, -score), and whether the
  mean score over the contents falls strictly at every step, with the same of the measure itself. mean_shift and
  contrast_change go both ways from level 3: their severity is the distance from it, and they must fall both ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd
from scored_pictures import agreement, coefficient_within, parse_size, scores, tool_command
from tqdm import tqdm

from tfiqa.distortions import DISTORTIONS, LEVELS, NAMES, NUMBERS, Distortion
from tfiqa.errors import InvalidInput

if TYPE_CHECKING:
    from tfiqa.pipelines.scoring import Source
    from tfiqa.serving.scorer import Scorer

MILDEST_OF_SIGNED = 3
DEFAULT_MEASURE = "vsi"
FILE_OF_LABELS = "shards.json"  # every packed folder has one
SCORE = "score"  # the model's, higher is better

Content = tuple[pd.DataFrame, "list[Source]"]  # the rows of a content's versions, and their pictures


def severity(distortion: Distortion, level: int) -> int:
    """How far from the mildest level: 0 to 4, of signed types 0 to 2."""
    return abs(level - MILDEST_OF_SIGNED) if distortion.is_signed else level - LEVELS[0]


def steps(distortion: Distortion) -> list[tuple[int, int]]:
    """Pairs of levels next to each other, the milder first; of signed types both ways from level 3."""
    pairs = [(level, level + 1) for level in LEVELS[:-1]]
    if not distortion.is_signed:
        return pairs
    return [pair if pair[0] >= MILDEST_OF_SIGNED else pair[::-1] for pair in pairs]


def falls(rows: pd.DataFrame, column: str, distortion: Distortion) -> bool:
    """Whether the mean of a column (higher is better) over the contents falls strictly at every step."""
    means = rows.groupby("level")[column].mean()
    return all(means[milder] > means[worse] for milder, worse in steps(distortion))


def monotonicity(rows: pd.DataFrame, distortion: Distortion) -> float:
    """The mean over contents of SRCC(severity, -score); scores that do not differ count as 0."""
    severities = rows["level"].map(lambda level: severity(distortion, level))
    each = [
        coefficient_within(-own[SCORE].to_numpy(), severities[own.index].to_numpy())
        for _, own in rows.groupby("reference")
    ]
    return float(np.mean(each))


def by_measure(table: pd.DataFrame, measures: Sequence[str]) -> list[str]:
    """The Markdown table of measures."""
    lines = ["| measure | SRCC, all pictures | within a content, median |", "| --- | --- | --- |"]
    for name in measures:
        found = agreement(table[SCORE], table[name], table["reference"])
        lines.append(f"| {name} | {found.overall:.4f} | {found.within:.4f} |")
    return lines


def by_type(table: pd.DataFrame, measure: str) -> list[str]:
    """The Markdown table of types, and a line on how many fall."""
    lines = [
        f"| type | SRCC with {measure} | within a content, median | SRCC(severity, -score), mean | falls | {measure} falls |",
        "| --- " * 6 + "|",
    ]
    score_falls, measure_falls, monotonic = [], [], []
    for each in DISTORTIONS:
        rows = table[table["distortion"] == each.name]
        if rows.empty:
            continue
        found = agreement(rows[SCORE], rows[measure], rows["reference"])
        monotonic.append(monotonicity(rows, each))
        score_falls.append(falls(rows, SCORE, each))
        measure_falls.append(falls(rows, measure, each))
        answers = " | ".join("yes" if answer else "no" for answer in (score_falls[-1], measure_falls[-1]))
        lines.append(
            f"| {NUMBERS[each.name]} {each.name} | {found.overall:.4f} | {found.within:.4f} | {monotonic[-1]:.4f} | {answers} |"
        )
    return [
        *lines,
        "",
        f"The mean score falls at every step in {sum(score_falls)} of {len(score_falls)} types ({measure}'s in "
        f"{sum(measure_falls)}); mean over types of SRCC(severity, -score) {np.mean(monotonic):.4f}",
    ]


def oriented(table: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """The table with the measures turned so that higher is better."""
    from tfiqa.full_reference import higher_is_better

    directions = higher_is_better(measures)
    return table.assign(**{name: table[name] if directions[name] else -table[name] for name in measures})


def of_labels(folder: Path, limit: int | None) -> Iterator[Content]:
    """The contents of a finished folder of weak labels."""
    from tfiqa.pipelines.records.packed_picture import packed_pictures
    from tfiqa.pipelines.records.reader import read_records

    records = read_records(folder)
    table = records.manifest().table
    if not {"reference", "distortion", "level"} <= set(table) or not table["distortion"].isin(NAMES).all():
        raise InvalidInput(
            f"{folder} holds no weak labels of the 25 distortions; `tfiqa extract weak-labels` makes them"
        )
    every = packed_pictures(records, table["image"].tolist())
    for _, rows in list(table.groupby("reference", sort=False))[:limit]:
        yield rows, [every[row] for row in rows.index]


def of_pristine(
    folder: Path, limit: int | None, size: tuple[int, int] | None, seed: int, measures: Sequence[str]
) -> Iterator[Content]:
    """The contents made of a folder of pristine pictures, one after the other."""
    from tfiqa.features.clock import Clock
    from tfiqa.features.weak_labels.labels import Failure, Labeller
    from tfiqa.features.weak_labels.references import Carried, Pristine, Reference
    from tfiqa.features.weak_labels.settings import Settings
    from tfiqa.features.weak_labels.shard_work import PARTS
    from tfiqa.images.discovery import find_pictures

    settings = Settings(tuple(measures), "all", seed, size)
    for path in find_pictures([folder])[:limit]:
        key = path.relative_to(folder).as_posix()
        reference = Reference(str(path), key, Pristine(key, "all", None, Carried(key, None, None)))
        rows: list[dict[str, Any]] = []
        versions: list[Source] = []
        for outcomes in Labeller(reference, settings, Clock(PARTS)).outcomes():
            for each in outcomes:
                if isinstance(each, Failure):
                    raise InvalidInput(f"{each.picture}: {each.error}")
                rows.append(each.row)
                versions.append(each.picture)
        yield pd.DataFrame(rows), versions


def scored(contents: Iterable[Content], scorer: Scorer) -> pd.DataFrame:
    """All rows with the model's score of each."""
    parts = [rows.assign(**{SCORE: scores(scorer, versions)}) for rows, versions in contents]
    return pd.concat(parts, ignore_index=True)


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", type=click.Path(path_type=Path), required=True, help="As `tfiqa score --model` takes it.")
@click.option("--size", help="WxH that pristine pictures are shrunk and cropped to, such as 512x384.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the distortions.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many contents.")
@click.option("--measure", default=DEFAULT_MEASURE, show_default=True, help="For the table of types.")
@click.option("--output", type=click.Path(path_type=Path), help="CSV of every picture, its score and its measures.")
def main(
    source: Path, model: Path, size: str | None, seed: int, limit: int | None, measure: str, output: Path | None
) -> None:
    """Measure a model on artificial distortions."""
    from tfiqa.full_reference import ELEVEN
    from tfiqa.serving.scorer import Scorer

    if measure not in ELEVEN:
        raise InvalidInput(f"--measure is one of {', '.join(ELEVEN)}. Received: {measure}")
    shrunk = parse_size(size)
    scorer = Scorer.load(model)
    if (source / FILE_OF_LABELS).is_file():
        if shrunk or seed:
            raise InvalidInput(f"{source} holds finished weak labels, which take no --size and no --seed")
        contents = of_labels(source, limit)
    else:
        contents = of_pristine(source, limit, shrunk, seed, ELEVEN)
    table = scored(tqdm(contents, unit=" contents", disable=None), scorer)
    if output:
        table.to_csv(output, index=False)
    table = oriented(table, ELEVEN)
    click.echo(f"{len(table)} pictures of {table['reference'].nunique()} contents\n")
    click.echo("\n".join([*by_measure(table, ELEVEN), "", *by_type(table, measure)]))


if __name__ == "__main__":
    tool_command(main)
