"""`tfiqa report unique`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, say, say_some

PAGE = "index.html"


@click.command()
@click.option(
    "--data",
    "manifests",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Manifest or packed folder with scores, one for each database; repeatable.",
)
@click.option(
    "--model",
    "models",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="A run, a .keras file or an exported folder; repeatable.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test", "all"]),
    help="Rows to use; by default `test` where a manifest marks such rows, else all.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write into.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Patches in one pass.")
@click.pass_context
def unique(
    context: click.Context,
    manifests: tuple[Path, ...],
    models: tuple[Path, ...],
    split: str | None,
    output: Path,
    batch_size: int,
) -> None:
    """The evaluations of UNIQUE's paper (Zhang et al., TIP 2021): tables IV and V, figures 3 and 6, and how well the
    probabilities are calibrated.

    Manifests may have different scales and directions. Of several models (the paper's ten sessions, say) the tables also
    give the median. OUTPUT gets index.html, the figures as PNG, and the scores as CSV, picture by picture; those are used
    again while model and picture stay the same.

    Exit status 3 when pictures could not be scored; they are left out and counted on the page.
    """
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.cli.progress import picture_progress
    from tfiqa.files import whole_file
    from tfiqa.reports.page import Figure, write_page
    from tfiqa.reports.unique import unique_page
    from tfiqa.reports.unique_results import databases_of, evaluate_models

    databases = databases_of(manifests, split, picture_progress)
    for database in databases:
        pictures = database.pictures
        say(f"{database.label}: {len(pictures)} pictures ({database.rows}): {pictures.manifest.scale}")
    results = evaluate_models(
        models, databases, output / "scores", batch_size=batch_size, progress=picture_progress, tell=say
    )
    page = unique_page(results, databases)
    for figure in page.blocks:
        if isinstance(figure, Figure):
            with whole_file(output / f"{figure.name}.png") as temporary:
                temporary.write_bytes(figure.png)
    for path in write_page(page, output / PAGE):
        say(f"wrote {path}")
    errors = [error for result in results for evaluation in result.evaluations for error in evaluation.errors]
    say_some("left out", errors)
    if errors:
        context.exit(SOME_FAILED)
