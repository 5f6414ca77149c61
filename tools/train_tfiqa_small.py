"""Makes the model that comes with tfiqa, from pictures to the exported folder.

    tfiqa data prepare biq2021 BIQ2021 --output biq.csv
    tfiqa data split biq.csv --near-duplicates --output biq_split.csv
    python tools/train_tfiqa_small.py pristine --scores biq_split.csv --gb82 GB82 --work W
    tfiqa extract weak-labels --data W/good.csv --output W/good_1 --draw five --size 384x384 --seed 1
    tfiqa extract weak-labels --data W/good.csv --output W/good_2 --draw five --size 384x384 --seed 2
    tfiqa extract weak-labels --data W/gb82.csv --output W/gb82 --draw all --size 512x384
    python tools/train_tfiqa_small.py fit --scores biq_split.csv --work W --output W/tfiqa_small
    tfiqa export W/tfiqa_small --output saved_models/tfiqa_small

BIQ2021 is a folder of 1,000 of its pictures with their scores (0..1), GB82 the folder of the 25 lossless pictures gb82 (CC0).
`pristine` lists the pictures to distort: gb82, and of the rated photographs the best that none of five splits tests on. `fit`
tells how good the model is on the five splits, each time fitted without the split's test pictures, and then fits it to all;
with `--distorted` it also tells how it agrees with VSI on a folder of weak labels of other pictures.

On two cores it took 50 minutes: 27 for the weak labels, 8 for the features, 15 for six fits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from scored_pictures import agreement, tool_command
from tfiqa_small_data import (
    PRISTINE_COPIES,
    Features,
    Indices,
    distorted_pictures,
    good_pictures,
    group_splits,
    human_scores,
    kept_features,
    photographs,
    pristine_copies,
)
from tfiqa_small_head import Array, Distorted, Photographs, Regression, distorted_set, fit_damage, fit_people

PRISTINE = ("good", "gb82")  # lists of pictures to distort in the working folder
LABELS = ("good_1", "good_2", "gb82")  # folders of weak labels there
SOURCES = (
    "BIQ2021 (N. Ahmed, S. Asif, Journal of Electronic Imaging 2022), {rated:,} of its 12,000 photographs with mean opinion "
    "scores of 30 people, for research and development under its own terms: the human scores, and {good} photographs to distort",
    "gb82, {gb82} lossless photographs, CC0: to distort",
    "Scores of the {distorted:,} distorted pictures: VSI (L. Zhang, Y. Shen, H. Li, IEEE TIP 2014), no people",
)

scores_option = click.option("--scores", type=click.Path(path_type=Path, exists=True), required=True, help="Manifest.")
work_option = click.option("--work", type=click.Path(path_type=Path), required=True, help="Working folder.")


@click.group(help=__doc__)
def main() -> None:
    """The steps."""


@main.command()
@scores_option
@click.option("--gb82", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of pictures.")
@work_option
def pristine(scores: Path, gb82: Path, work: Path) -> None:
    """List the pictures to distort: good.csv and gb82.csv in the working folder."""
    from tfiqa.images.discovery import find_pictures

    table = _table(scores)
    good = good_pictures(table, group_splits(table["group"]))
    work.mkdir(parents=True, exist_ok=True)
    for name, images in (("good", good), ("gb82", [str(path.resolve()) for path in find_pictures([str(gb82)])])):
        pd.DataFrame({"image": images, "score": 1}).to_csv(work / f"{name}.csv", index=False)
        click.echo(f"{work / name}.csv: {len(images)} pictures")


@main.command()
@scores_option
@work_option
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Folder of the model, for `tfiqa export`."
)
@click.option("--distorted", type=click.Path(path_type=Path, exists=True), help="Weak labels of other pictures.")
def fit(scores: Path, work: Path, output: Path, distorted: Path | None) -> None:
    """Fit the model, and tell how good it is."""
    from tfiqa.models.tfiqa_small import TfiqaSmallOptions

    table = _table(scores)
    rated = Photographs(
        kept_features(work / "full.npy", photographs(table, False), len(table)),
        kept_features(work / "reduced.npy", photographs(table, True), len(table)),
        table["score"].to_numpy(np.float64),
        table["group"].to_numpy(object),
    )
    lists = {name: pd.read_csv(work / f"{name}.csv")["image"].tolist() for name in PRISTINE}
    images = [image for listed in lists.values() for image in listed]
    copies = len(images) * len(PRISTINE_COPIES)
    pristine = kept_features(work / "pristine.npy", pristine_copies(images), copies)
    damaged = distorted_set(*_features_of([work / name for name in LABELS], work), pristine)
    others = _features_of([distorted], work) if distorted else None
    options = TfiqaSmallOptions(photographs=2 * len(table))
    reports = []
    for split in group_splits(rated.groups):
        both = _fit(rated, split.train, damaged, options)
        reports.append({**_on_photographs(both, rated, split.test), **_on_distorted(both, others)})
        click.echo(json.dumps(reports[-1]))
    people, damage = _fit(rated, np.arange(len(table)), damaged, options)
    counts = {
        "rated": len(table),
        "distorted": len(damaged.intact),
        **{name: len(each) for name, each in lists.items()},
    }
    _write(output, options, people, damage, reports, counts)


def _fit(rated: Photographs, rows: Indices, damaged: Distorted, options: Any) -> tuple[Regression, Regression]:
    return (
        fit_people(rated, rows, options.components),
        fit_damage(rated, rows, damaged, options.components, options.distorted),
    )


def _table(scores: Path) -> pd.DataFrame:
    from tfiqa.databases.manifest import read_manifest

    return human_scores(read_manifest(scores))


def _features_of(labels: Sequence[Path], work: Path) -> tuple[Features, pd.DataFrame]:
    features, tables = [], []
    for folder in labels:
        table, pictures = distorted_pictures(folder)
        features.append(kept_features(work / f"{folder.name}.npy", pictures, len(table)))
        tables.append(table)
    return np.concatenate(features), pd.concat(tables, ignore_index=True)


def _scored(both: tuple[Regression, Regression], features: Features) -> tuple[Array, Array]:
    """Quality and uncertainty, 0..100."""
    from tfiqa.models.tfiqa_small import mixed

    quality, uncertainty = (np.asarray(each)[:, 0] for each in mixed(*(regression(features) for regression in both)))
    return quality, uncertainty


def _on_photographs(both: tuple[Regression, Regression], rated: Photographs, rows: Indices) -> dict[str, float]:
    """Agreement with people, and how well the deviations fit the errors."""
    from tfiqa.evaluation.correlation import plcc, srcc

    quality, uncertainty = _scored(both, rated.full[rows])
    truth = rated.scores[rows]
    smaller, _ = _scored(both, rated.reduced[rows])
    alone = both[0](rated.full[rows])[:, 0]
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


def _on_distorted(
    both: tuple[Regression, Regression], others: tuple[Features, pd.DataFrame] | None
) -> dict[str, float]:
    if others is None:
        return {}
    quality, _ = _scored(both, others[0])
    found = agreement(quality, others[1]["vsi"], others[1]["reference"])
    return {"vsi_srcc": found.overall, "vsi_srcc_within_content": found.within}


def _write(
    output: Path,
    options: Any,
    people: Regression,
    damage: Regression,
    reports: Sequence[Mapping[str, float]],
    counts: Mapping[str, int],
) -> None:
    """model.keras, data.json and metrics.json, as `tfiqa export` reads them."""
    from dataclasses import asdict

    import tfiqa
    from tfiqa.models.tfiqa_small import SCALE

    model = tfiqa.build_model("tfiqa_small", weights=None, **asdict(options))
    for name, regression in (("people", people), ("damage", damage)):
        model.get_layer(name).set_weights(regression.weights())
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
