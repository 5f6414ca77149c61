"""`tfiqa data`: manifests from databases, their check, their split."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, say

SHOWN = 20  # texts of one kind; a half-copied database would fill the screen otherwise


@click.group()
def data() -> None:
    """Make, check and split manifests."""


@data.command()
@click.argument("database")
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Manifest to write: .csv or .parquet.")
@click.option("--verify", is_flag=True, help="Decode every picture and leave out those that cannot be.")
@click.pass_context
def prepare(context: click.Context, database: str, root: Path, output: Path, verify: bool) -> None:
    """Read DATABASE (see `tfiqa list databases`) in its official layout at ROOT and write its manifest.

    Exit status 3 when pictures are missing or unreadable; they are left out, counted, and the first ones named.
    """
    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases import prepare as read_database
    from tfiqa.databases.manifest import write_manifest

    result = read_database(database, root, verify_pictures=verify, progress=picture_progress("decoding"))
    write_manifest(result.manifest, output)
    _say_some("missing", result.missing)
    _say_some("unreadable", result.unreadable)
    say(f"{output}: {result.summary()}; score: {result.manifest.scale}")
    if result.missing or result.unreadable:
        context.exit(SOME_FAILED)


@data.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--output", help="CSV with a row a picture: size, digest, error. '-' is standard output.")
@click.pass_context
def check(context: click.Context, manifest: Path, output: str | None) -> None:
    """Validate MANIFEST and decode every picture in it.

    Exit status 3 when some pictures cannot be used; --output lists every one.
    """
    from dataclasses import asdict

    from tfiqa.cli.output import row_writer
    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases.manifest import read_manifest
    from tfiqa.databases.picture_check import check_pictures

    table = read_manifest(manifest, required=("image", "score"))
    checks = check_pictures(table.picture_paths(), progress=picture_progress("decoding"))
    if output is not None:
        with row_writer(output, "csv", ("path", "ok", "width", "height", "sha256", "needs_pillow", "error")) as write:
            for row in checks:
                write(asdict(row))
    bad = [str(row.error) for row in checks if not row.ok]
    _say_some("bad", bad)
    scores = table.table["score"]
    say(
        f"{manifest}: {len(checks)} pictures, {len(bad)} bad; score {scores.min():g} to {scores.max():g} ({table.scale})"
    )
    if "split" in table.table:
        counts = table.table["split"].value_counts()
        say("split: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    if bad:
        context.exit(SOME_FAILED)


@data.command()
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


def _say_some(what: str, texts: list[str]) -> None:
    for text in texts[:SHOWN]:
        say(f"{what}: {text}")
    if len(texts) > SHOWN:
        say(f"{what}: {len(texts) - SHOWN} more")
