"""Makes the model that comes with tfiqa, from pictures to the exported folder.

    pip install pillow-heif                                            # for H.265
    tfiqa data prepare biq2021 BIQ2021 --output biq.csv
    tfiqa data split biq.csv --near-duplicates --output biq_split.csv
    python tools/train_tfiqa_small.py distort --scores biq_split.csv --gb82 GB82 --work W
    python tools/train_tfiqa_small.py fit --scores biq_split.csv --gb82 GB82 --work W --output W/tfiqa_small
    tfiqa export W/tfiqa_small --output saved_models/tfiqa_small

BIQ2021 is a folder of 1,000 of its pictures with their scores (0..1), GB82 the folder of the 25 lossless pictures gb82 (CC0).
`distort` makes the pictures of `tfiqa_small_material.material` and keeps their features and VSI; stopped, it can go on.
`fit` tells how good the model is on five splits, each time fitted without the split's test pictures and what was made of them,
and then fits it to all; with `--distorted` it also tells how it agrees with VSI on a folder of weak labels of other pictures.

On two cores it took two hours: 75 minutes to make 58,024 pictures, 30 to 45 for six fits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd
from phone_damage import KINDS
from scored_pictures import agreement, tool_command
from tfiqa_small_data import (
    Array,
    Features,
    Indices,
    distorted_pictures,
    group_splits,
    human_scores,
    kept_features,
    photographs,
)
from tfiqa_small_examples import Examples, examples
from tfiqa_small_kernels import Regression
from tfiqa_small_material import ORIGINAL, PROCESSED, Task, make_material, material, read_material
from tfiqa_small_networks import Networks, train_networks
from tfiqa_small_people import Photographs, fit_people

from tfiqa.models.tfiqa_small import SCALE, TfiqaSmallOptions, mixed

SOURCES = (
    "BIQ2021 (N. Ahmed, S. Asif, Journal of Electronic Imaging 2022), {rated:,} of its 12,000 photographs with mean opinion "
    "scores of 30 people, for research and development under its own terms: the human scores, and {good} photographs to distort",
    "gb82, {gb82} lossless photographs, CC0: to distort",
    "Scores of the {distorted:,} distorted pictures: VSI (L. Zhang, Y. Shen, H. Li, IEEE TIP 2014), and at most what their "
    "damage leaves for {phones:,} damaged as by phones; no people",
)

scores_option = click.option("--scores", type=click.Path(path_type=Path, exists=True), required=True, help="Manifest.")
gb82_option = click.option(
    "--gb82", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of pictures."
)
work_option = click.option("--work", type=click.Path(path_type=Path), required=True, help="Working folder.")


@click.group(help=__doc__)
def main() -> None:
    """The steps."""


@main.command()
@scores_option
@gb82_option
@work_option
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count(), show_default="one a processor")
def distort(scores: Path, gb82: Path, work: Path, workers: int) -> None:
    """Distort pictures; keep their features and VSI."""
    make_material(_tasks(_table(scores), gb82), work, workers)


@main.command()
@scores_option
@gb82_option
@work_option
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Folder of the model, for `tfiqa export`."
)
@click.option("--distorted", type=click.Path(path_type=Path, exists=True), help="Weak labels of other pictures.")
def fit(scores: Path, gb82: Path, work: Path, output: Path, distorted: Path | None) -> None:
    """Fit the model, and tell how good it is."""
    table = _table(scores)
    rated = Photographs(
        kept_features(work / "full.npy", photographs(table, False), len(table)),
        kept_features(work / "reduced.npy", photographs(table, True), len(table)),
        table["score"].to_numpy(np.float64),
        table["group"].to_numpy(object),
    )
    tasks = _tasks(table, gb82)
    learned = examples(*read_material(tasks, work), rated)
    others = _weak_labels(distorted, work) if distorted else None
    options = TfiqaSmallOptions(photographs=2 * len(table))
    reports = []
    for split in group_splits(rated.groups):
        fitted = _fit(rated, split.train, learned, options)
        reports.append({**_on_photographs(fitted, rated, split.test), **_on_distorted(fitted, others)})
        click.echo(json.dumps(reports[-1]))
    fitted = _fit(rated, np.arange(len(table)), learned, options)
    contents = {task.image for task in tasks if task.distortion == ORIGINAL}
    counts = {
        "rated": len(table),
        "good": len(contents & set(table["image"])),
        "gb82": len(contents - set(table["image"])),
        "phones": sum(task.distortion in KINDS for task in tasks),
        "distorted": sum(task.distortion not in (ORIGINAL, PROCESSED) for task in tasks),
    }
    _write(output, options, fitted, reports, counts)


def _tasks(table: pd.DataFrame, gb82: Path) -> list[Task]:
    from tfiqa.images.discovery import find_pictures

    lossless = [str(path.resolve()) for path in find_pictures([gb82])]
    return material(table, group_splits(table["group"]), lossless)


Fitted = tuple[Regression, Networks]


def _fit(rated: Photographs, rows: Indices, learned: Examples, options: TfiqaSmallOptions) -> Fitted:
    people = fit_people(rated, rows, options.components)
    return people, train_networks(learned, rated.groups_away(rows), options)


def _table(scores: Path) -> pd.DataFrame:
    from tfiqa.databases.manifest import read_manifest

    return human_scores(read_manifest(scores))


def _weak_labels(folder: Path, work: Path) -> tuple[Features, pd.DataFrame]:
    table, pictures = distorted_pictures(folder)
    return kept_features(work / f"{folder.name}.npy", pictures, len(table)), table


def _scored(fitted: Fitted, features: Features) -> tuple[Array, Array]:
    """Quality and uncertainty, 0..100."""
    answers = (each(features).astype(np.float32) for each in fitted)
    quality, uncertainty = (np.asarray(each)[:, 0] for each in mixed(*answers))
    return quality, uncertainty


def _on_photographs(fitted: Fitted, rated: Photographs, rows: Indices) -> dict[str, float]:
    """Agreement with people, and how well the deviations fit the errors."""
    from tfiqa.evaluation.correlation import plcc, srcc

    quality, uncertainty = _scored(fitted, rated.full[rows])
    truth = rated.scores[rows]
    smaller, _ = _scored(fitted, rated.reduced[rows])
    alone = fitted[0](rated.full[rows])[:, 0]
    off = np.abs(100 * truth - quality) / uncertainty
    return {
        "pictures": len(rows),
        "srcc": srcc(quality, truth),
        "plcc": plcc(quality, truth),
        "rmse": float(np.sqrt(np.mean(np.square(100 * truth - quality)))),
        "srcc_without_damage": srcc(alone, truth),
        "srcc_of_smaller_copies": srcc(smaller, truth),
        "within_one_deviation": float(np.mean(off < 1)),
        "within_two_deviations": float(np.mean(off < 2)),
        "srcc_of_deviations_and_errors": srcc(uncertainty, np.abs(100 * truth - quality)),
    }


def _on_distorted(fitted: Fitted, others: tuple[Features, pd.DataFrame] | None) -> dict[str, float]:
    if others is None:
        return {}
    quality, _ = _scored(fitted, others[0])
    found = agreement(quality, others[1]["vsi"], others[1]["reference"])
    return {"vsi_srcc": found.overall, "vsi_srcc_within_content": found.within}


def _write(
    output: Path,
    options: TfiqaSmallOptions,
    fitted: Fitted,
    reports: Sequence[Mapping[str, float]],
    counts: Mapping[str, int],
) -> None:
    """model.keras, data.json and metrics.json, as `tfiqa export` reads them."""
    from dataclasses import asdict

    import tfiqa

    model = tfiqa.build_model("tfiqa_small", weights=None, **asdict(options))
    people, networks = fitted
    model.get_layer("people").set_weights(people.weights())
    networks.set_to(model)
    output.mkdir(parents=True, exist_ok=True)
    model.save(output / "model.keras")
    sources = [source.format(**counts) for source in SOURCES]
    data = {"sources": sources, "score_scale": SCALE.to_dict(), "pictures": {"train": counts["rated"]}}
    (output / "data.json").write_text(json.dumps(data, indent=1) + "\n")
    medians = {key: float(np.median([report[key] for report in reports])) for key in reports[0]}
    medians["pictures"] = int(medians["pictures"])
    metrics = {"reports": {"test, median of five splits": medians}, "splits": list(reports)}
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    click.echo(f"{output}: {json.dumps(medians)}")


if __name__ == "__main__":
    tool_command(main)
