"""`tfiqa niqe score`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfiqa.cli.baseline_scores import score_options, score_pictures
from tfiqa.cli.output import say


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--model",
    required=True,
    type=click.Path(path_type=Path),
    help="Of `tfiqa niqe fit`, or the authors' modelparameters.mat.",
)
@score_options
@click.pass_context
def score(context: click.Context, pictures: tuple[str, ...], model: Path, **options: Any) -> None:
    """Score pictures: files, folders (searched) and patterns. One row a picture; a picture that fails is a row with its error.

    Pictures need 96 pixels each way. Exit status 3 when some pictures failed.
    """
    from functools import partial

    from tfiqa.models.baselines import niqe

    function = partial(niqe.score, model=niqe.load(model))
    say(f"{model}: {niqe.SCALE}")
    score_pictures(context, "niqe", function, pictures, **options)
