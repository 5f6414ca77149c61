"""`tfiqa evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import SOME_FAILED, say, write_result

if TYPE_CHECKING:
    from tfiqa.pipelines.labelled_pictures import LabelledPictures
    from tfiqa.serving.box_evaluation import BoxEvaluation
    from tfiqa.serving.scorer import Scorer


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
@click.option(
    "--boxes",
    "with_boxes",
    is_flag=True,
    help="Compare the scores of the manifest's boxes too, by their size. MODEL is a run or a .keras file.",
)
@click.option(
    "--within",
    metavar="COLUMN",
    help="Also the mean SRCC within the groups of a column, such as scene, where scores compare only there.",
)
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
    with_boxes: bool,
    within: str | None,
    batch_size: int,
) -> None:
    """Compare the scores of MODEL (a run, a .keras file or an exported folder) with human ones.

    SRCC, KRCC, PLCC and RMSE, before and after the 4- and 5-parameter logistic mapping. A model of full-reference measures
    (deepfl_mtl) is compared with the manifest's columns of those names, and both with human scores where it has them. Of a
    model that tells its uncertainty, also over pairs of pictures: fidelity loss and calibration of its probabilities against
    those of score and score_std.

    With --boxes a model that takes boxes scores each picture and its boxes in one pass more. For any other one each box is a
    picture of its own, which takes as long as so many pictures.

    Pictures that cannot be read, and with --boxes those with a box beyond their pixels, are left out, counted and listed; the
    exit status is then 3.
    """
    from tfiqa.cli.list_scorer import list_scorer
    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import load_tensorflow
    from tfiqa.databases.manifest import read_manifest

    rows = None if manifest.is_dir() else read_manifest(manifest)  # before TensorFlow, so that a slip shows at once
    load_tensorflow()

    from tfiqa.databases.box_rows import has_boxes
    from tfiqa.pipelines.labelled_pictures import LabelledPictures, read_labelled_pictures
    from tfiqa.serving.evaluation import evaluate_scorer, select_rows

    data, chosen = select_rows(LabelledPictures.of(rows) if rows else read_labelled_pictures(manifest), split)
    scorer = list_scorer(model, batch_size=batch_size)
    say(f"{scorer.source}: {scorer.info.scale}")
    say(f"{len(data)} pictures of {manifest} ({chosen}): {data.manifest.scale}")
    if with_boxes:
        _check_boxes(scorer, data)
    result = evaluate_scorer(scorer, data, repeats=repeats, progress=picture_progress("scoring"), within=within)
    if result.trained_on:
        say(
            f"warning: {result.trained_on} of these pictures trained the model; figures on them say nothing of new pictures"
        )
    for error in result.errors:
        say(f"left out: {error}")
    document, text, errors = result.to_dict(), result.to_text(), result.errors
    if with_boxes:
        of_boxes = _evaluate_boxes(scorer.source, data, batch_size)
        document |= {"boxes": of_boxes.report.to_dict(), "boxes_left_out": of_boxes.errors}
        text += f"\n\n{of_boxes.report.to_text()}"
        errors = [*errors, *of_boxes.errors]
        for error in of_boxes.errors:
            say(f"boxes left out: {error}")
    elif has_boxes(data.manifest):
        say("the manifest has scores of boxes; --boxes compares those too")
    if predictions is not None:
        from tfiqa.files import whole_file

        with whole_file(predictions) as temporary:
            result.table.to_csv(temporary, index=False)
    write_result(output, json.dumps(document, indent=2) if output.endswith(".json") else text)
    if errors:
        context.exit(SOME_FAILED)


def _check_boxes(scorer: Scorer, data: LabelledPictures) -> None:
    """Tells what --boxes cannot work with before the pictures take their time."""
    from tfiqa.errors import InvalidInput
    from tfiqa.serving.box_evaluation import scored_boxes

    if scorer.source.is_dir():
        raise InvalidInput(f"--boxes is for a run or a .keras file; {scorer.source} is an exported folder")
    scored_boxes(scorer.info, data.manifest)


def _evaluate_boxes(model: Path, data: LabelledPictures, batch_size: int) -> BoxEvaluation:
    from tfiqa.cli.progress import picture_progress
    from tfiqa.serving.box_evaluation import evaluate_box_scores
    from tfiqa.weights.build import read_model

    progress = picture_progress("scoring boxes")
    return evaluate_box_scores(read_model(model), data, batch_size=batch_size, progress=progress)
