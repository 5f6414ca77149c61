"""`tfiqa brisque fit`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tfiqa.cli.baseline_scores import measure_pictures, picture_options
from tfiqa.cli.output import SOME_FAILED, ends_in, say, write_result


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".npz"),
    help="Model to write: .npz.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Of splits and folds.")
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Random splits, with this and the following seeds; the model of the first is written.",
)
@click.option(
    "--report",
    default="-",
    help="Figures on test pictures: JSON when it ends in .json, else text. '-' is standard output.",
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    callback=ends_in(".csv"),
    help="Also write a CSV with a row a test picture of the first split.",
)
@picture_options
@click.pass_context
def fit(
    context: click.Context,
    manifest: Path,
    output: Path,
    seed: int,
    repeats: int,
    report: str,
    predictions: Path | None,
    workers: int | None,
    max_pixels: int | None,
) -> None:
    """Train BRISQUE on the scores of MANIFEST and test it on held-out pictures.

    The manifest's column `split` is used; without one, 70 % of the pictures train, 10 % validate and 20 % test, groups kept
    whole, as in recipes of the same seed. Cost and gamma are chosen by cross-validation within training and validation
    pictures, on all of which the model is then trained.

    Pictures that cannot be used are left out and listed; the exit status is then 3.
    """
    import numpy as np

    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases.manifest import read_manifest
    from tfiqa.models.baselines.brisque_features import FEATURES, finite_features
    from tfiqa.training.brisque_run import quartiles, train_brisque

    rows = read_manifest(manifest, required=("image", "score"))
    found, errors = measure_pictures(finite_features, rows.picture_paths(), workers, max_pixels)
    features = np.stack([np.full(FEATURES, np.nan) if of_one is None else of_one for of_one in found])
    progress = picture_progress("settings")
    done = []
    for repeat in train_brisque(rows, features, seed=seed, repeats=repeats, workers=workers, progress=progress):
        done.append(repeat)
        setting, figures = repeat.setting, repeat.report
        say(
            f"seed {repeat.seed}: cost {setting.cost:g}, gamma {setting.gamma:g}; {figures.pictures} test pictures: "
            f"SRCC {figures.srcc:.4f}, PLCC {figures.plcc:.4f}"
        )
    first = done[0]
    first.model.save(output)
    say(f"{output}: seed {first.seed}, {len(first.model.support)} support vectors; {first.model.scale}")
    if predictions is not None:
        from tfiqa.databases.table_file import write_table

        write_table(first.predictions, predictions)
    text = first.report.to_text()
    if repeats > 1:
        text += f"\n\nOver {repeats} splits:\n{quartiles(done).to_string(float_format='{:.4f}'.format)}"
    document = {"repeats": [repeat.to_dict() for repeat in done], "left_out": errors}
    write_result(report, json.dumps(document, indent=2) if report.endswith(".json") else text)
    if errors:
        context.exit(SOME_FAILED)
