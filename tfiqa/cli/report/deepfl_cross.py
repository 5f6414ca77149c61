"""`tfiqa report deepfl-cross`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import ends_in, say


@click.command("deepfl-cross")
@click.argument("features", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".md", ".html"),
    help="Page to write: .md or .html.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Splits of each database; medians count.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Changes a setting of the recipe deepfl_head, such as search.splits=1; may be repeated.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes; by default one for each processor.")
def deepfl_cross(
    features: tuple[Path, ...], output: Path, repeats: int, overrides: tuple[str, ...], workers: int | None
) -> None:
    """The cross-database matrix of DeepFL-IQA's paper (table VI): heads trained on each database, tested on all.

    FEATURES are folders of `tfiqa extract mlsp`, one a database, all made with the same model. By default heads are trained on
    60 % of a database and chosen on 20 %; tested on the last 20 %, and on the whole of each other database. The features lie
    beside --output meanwhile.

    \b
      tfiqa report deepfl-cross features/kadid10k features/tid2013 features/koniq10k --output cross.html
    """
    from tfiqa.training.recipe_files import read_recipe

    for override in overrides:
        key = override.partition("=")[0]
        if key in ("repeats", "split.repeats", "split"):
            raise click.UsageError(
                f"--set {key}: --repeats says how many splits; other settings of them have keys of their own"
            )
    recipe = read_recipe("deepfl_head", [*overrides, f"split.repeats={repeats}"])
    if len(features) < 2:
        raise click.UsageError("a matrix takes at least two folders of features")

    from tfiqa.cli.heads import head_progress, head_runner

    runner, start = head_runner(recipe.head.kind, workers)

    from tfiqa.reports.deepfl_cross import cross_matrix, cross_page
    from tfiqa.reports.page import write_page
    from tfiqa.training.heads.data import read_features

    parts = read_features(features)
    matrix = cross_matrix(recipe, parts, runner, output.parent, start=start, say=say, progress=head_progress)
    for path in write_page(cross_page(recipe, matrix), output):
        say(f"wrote {path}")
