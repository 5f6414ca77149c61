"""`tfiqa export`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Base folder, as saved_models/NAME.")
@click.option("--version", "number", type=click.IntRange(min=1), help="By default one above the highest present.")
def export(model: Path, output: Path, number: int | None) -> None:
    """Write MODEL (a run or a .keras file) as a SavedModel in TF Serving's layout: encoded pictures in, quality out."""
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.serving.package import export_model
    from tfiqa.serving.scorer import find_model
    from tfiqa.weights.build import read_model

    folder = export_model(read_model(find_model(model)), output, number)
    click.echo(str(folder))
