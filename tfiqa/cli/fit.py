"""`tfiqa fit`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import say


@click.command()
@click.argument("recipe")
@click.option(
    "--data",
    "manifests",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Manifest; may be repeated.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Run folder, new or empty.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Changes a setting; may be repeated.")
@click.option("--resume", is_flag=True, help="Go on with the run in --output after its newest checkpoint.")
def fit(recipe: str, manifests: tuple[Path, ...], output: Path, overrides: tuple[str, ...], resume: bool) -> None:
    """Train a model by RECIPE, a bundled one (see `tfiqa list recipes`) or a YAML file."""
    from tfiqa.training.recipe_files import read_recipe

    resolved = read_recipe(recipe, overrides)  # before TensorFlow, so that a slip shows at once

    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import keep_freed_memory_in_training, load_tensorflow

    load_tensorflow()
    keep_freed_memory_in_training()

    from tfiqa.training.trainer import fit as run_fit

    try:
        reports = run_fit(
            resolved, manifests, output, resume=resume, say=say, progress=picture_progress("checking pictures")
        )
    except KeyboardInterrupt:
        if (output / "checkpoints").is_dir():
            say(f"the same command with --resume goes on after the newest checkpoint in {output}")
        raise
    for split, report in reports.items():
        note = " (it chose the epoch, so it flatters the model)" if split == "validation" else ""
        click.echo(f"{split}{note}\n{report.to_text()}")
