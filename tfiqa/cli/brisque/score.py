"""`tfiqa brisque score`."""

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
    help="Of `tfiqa brisque fit`; or the authors' allmodel, with allrange beside it.",
)
@score_options
@click.pass_context
def score(context: click.Context, pictures: tuple[str, ...], model: Path, **options: Any) -> None:
    """Score pictures: files, folders (searched) and patterns. One row a picture; a picture that fails is a row with its error.

    Exit status 3 when some pictures failed.
    """
    from tfiqa.models.baselines import brisque

    loaded = brisque.load(model)
    say(f"{model}: {loaded.scale}")
    score_pictures(context, "brisque", loaded.score, pictures, **options)
