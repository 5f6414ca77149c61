"""`tfiqa fit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import say

if TYPE_CHECKING:
    from tfiqa.training.heads.recipe import HeadRecipe
    from tfiqa.training.recipe import Recipe


@click.command()
@click.argument("recipe")
@click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Manifest, or packed folder; for regression heads a folder of `tfiqa extract mlsp`. May be repeated.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Run folder, new or empty.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Changes a setting; may be repeated.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Regression heads: processes; by default one for each processor, or one on a GPU for the network. The figures do not "
    "depend on how many processors train, but a GPU's differ; 2 or more do without the GPU.",
)
@click.option(
    "--resume", is_flag=True, help="Go on with the run in --output, after its newest checkpoint or finished heads."
)
def fit(
    recipe: str,
    sources: tuple[Path, ...],
    output: Path,
    overrides: tuple[str, ...],
    workers: int | None,
    resume: bool,
) -> None:
    """Train a model by RECIPE, a bundled one (see `tfiqa list recipes`) or a YAML file.

    Recipes with a section `head`, such as deepfl_head, train regression heads on stored features, one on each of many splits.
    """
    from tfiqa.training.heads.recipe import HeadRecipe
    from tfiqa.training.recipe_files import read_recipe

    resolved = read_recipe(recipe, overrides)  # before TensorFlow, so that a slip shows at once
    if isinstance(resolved, HeadRecipe):
        _fit_heads(resolved, sources, output, workers, resume)
    elif workers is not None:
        raise click.UsageError("--workers goes with recipes of regression heads")
    else:
        _fit_pictures(resolved, sources, output, resume)


def _fit_pictures(recipe: Recipe, sources: tuple[Path, ...], output: Path, resume: bool) -> None:
    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import keep_freed_memory_in_training, load_tensorflow

    load_tensorflow()
    keep_freed_memory_in_training()

    from tfiqa.training.trainer import fit as run_fit

    try:
        reports = run_fit(
            recipe, sources, output, resume=resume, say=say, progress=picture_progress("reading pictures")
        )
    except KeyboardInterrupt:
        if (output / "checkpoints").is_dir():
            say(f"the same command with --resume goes on after the newest checkpoint in {output}")
        raise
    for split, report in reports.items():
        note = " (it chose the epoch, so it flatters the model)" if split == recipe.validation.chosen_on else ""
        click.echo(f"{split}{note}\n{report.to_text()}")


def _fit_heads(recipe: HeadRecipe, sources: tuple[Path, ...], output: Path, workers: int | None, resume: bool) -> None:
    from tfiqa.cli.heads import head_device, head_progress, head_runner

    runner, start = head_runner(recipe.head.kind, workers)
    device = head_device(recipe.head.kind, workers)

    from tfiqa.training.heads.run import WORK_FOLDER, fit_heads, metrics_text

    try:
        metrics = fit_heads(
            recipe,
            sources,
            output,
            runner,
            device=device,
            resume=resume,
            start=start,
            say=say,
            progress=head_progress(),
        )
    except KeyboardInterrupt:
        if (output / WORK_FOLDER).is_dir():
            say(f"the same command with --resume goes on with the heads that are not trained yet in {output}")
        raise
    click.echo(metrics_text(metrics))
