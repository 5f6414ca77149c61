"""`tfiqa data split`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import say


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Manifest to write: .csv or .parquet.")
@click.option("--train", type=click.FloatRange(0, 1), default=0.7, show_default=True)
@click.option("--validation", type=click.FloatRange(0, 1), default=0.1, show_default=True)
@click.option("--test", type=click.FloatRange(0, 1), default=0.2, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def split(manifest: Path, output: Path, train: float, validation: float, test: float, seed: int) -> None:
    """Mark each row of MANIFEST as train, validation or test; rows of one group stay together."""
    from tfiqa.databases.manifest import read_manifest, write_manifest
    from tfiqa.databases.splits import split_manifest

    fractions = {"train": train, "validation": validation, "test": test}
    marked = split_manifest(read_manifest(manifest, required=("image", "score")), fractions, seed)
    write_manifest(marked, output)
    counts = marked.table["split"].value_counts()
    say(f"{output}: " + ", ".join(f"{name} {counts.get(name, 0)}" for name in fractions))
