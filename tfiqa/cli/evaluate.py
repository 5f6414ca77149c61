"""`tfiqa evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, say, write_result


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data", "manifest", required=True, type=click.Path(path_type=Path), help="Manifest or packed folder with scores."
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test", "all"]),
    help="Rows to use; by default `test` where the manifest marks such rows, else all.",
)
@click.option(
    "--repeats", type=click.IntRange(min=0), default=0, help="Bootstrap draws for 95 % intervals.", show_default=True
)
@click.option(
    "--output", default="-", help="Report file: JSON when it ends in .json, else text. '-' is standard output."
)
@click.option("--predictions", type=click.Path(path_type=Path), help="Also write a CSV with a row a picture.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Patches in one pass.")
@click.pass_context
def evaluate(
    context: click.Context,
    model: Path,
    manifest: Path,
    split: str | None,
    repeats: int,
    output: str,
    predictions: Path | None,
    batch_size: int,
) -> None:
    """Compare the scores of MODEL (a run, a .keras file or an exported folder) with human ones.

    SRCC, KRCC, PLCC and RMSE, before and after the 4- and 5-parameter logistic mapping. A model of full-reference measures
    (deepfl_mtl) is compared with the manifest's columns of those names, and both with human scores where it has them. Of a
    model that tells its uncertainty, also over pairs of pictures: fidelity loss and calibration of its probabilities against
    those of score and score_std.
    Pictures that cannot be read are left out, counted and listed; the exit status is then 3.
    """
    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import load_tensorflow
    from tfiqa.databases.manifest import read_manifest

    rows = None if manifest.is_dir() else read_manifest(manifest)  # before TensorFlow, so that a slip shows at once
    load_tensorflow()

    from tfiqa.pipelines.labelled_pictures import LabelledPictures, read_labelled_pictures
    from tfiqa.serving.evaluation import evaluate_scorer, select_rows
    from tfiqa.serving.scorer import Scorer

    data, chosen = select_rows(LabelledPictures.of(rows) if rows else read_labelled_pictures(manifest), split)
    scorer = Scorer.load(model, batch_size=batch_size)
    say(f"{scorer.source}: {scorer.info.scale}")
    say(f"{len(data)} pictures of {manifest} ({chosen}): {data.manifest.scale}")
    result = evaluate_scorer(scorer, data, repeats=repeats, progress=picture_progress("scoring"))
    if result.trained_on:
        say(
            f"warning: {result.trained_on} of these pictures trained the model; figures on them say nothing of new pictures"
        )
    for error in result.errors:
        say(f"left out: {error}")
    if predictions is not None:
        from tfiqa.files import whole_file

        with whole_file(predictions) as temporary:
            result.table.to_csv(temporary, index=False)
    as_json = output.endswith(".json")
    write_result(output, json.dumps(result.to_dict(), indent=2) if as_json else result.to_text())
    if result.errors:
        context.exit(SOME_FAILED)
