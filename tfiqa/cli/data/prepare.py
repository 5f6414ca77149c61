"""`tfiqa data prepare`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, say, say_some


@click.command()
@click.argument("database")
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Manifest to write: .csv or .parquet.")
@click.option("--set", "settings", multiple=True, metavar="OPTION=VALUE", help="A choice that the release leaves.")
@click.option("--verify", is_flag=True, help="Decode every picture and leave out those that cannot be.")
@click.pass_context
def prepare(
    context: click.Context, database: str, root: Path, output: Path, settings: tuple[str, ...], verify: bool
) -> None:
    """Read DATABASE (see `tfiqa list databases`, also for its options) in its official layout at ROOT and write its
    manifest.

    A file that lies in ROOT already is not overwritten. Exit status 3 when pictures are missing or unreadable; they are
    left out, counted, and the first ones named.
    """
    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases import prepare as read_database
    from tfiqa.databases.manifest import write_manifest
    from tfiqa.errors import StorageError

    if output.is_file() and output.resolve().is_relative_to(root.resolve()):
        raise StorageError(f"{output} may be a file of the database; choose another name, or remove it first")
    pairs = [setting.partition("=") for setting in settings]
    if not all(option and value for option, _, value in pairs):
        raise click.UsageError(f"--set takes OPTION=VALUE. Received: {', '.join(settings)}")
    options = {option: value for option, _, value in pairs}
    result = read_database(database, root, options, verify_pictures=verify, progress=picture_progress("decoding"))
    write_manifest(result.manifest, output)
    say_some("missing", result.missing)
    say_some("unreadable", result.unreadable)
    scores = f"score: {result.manifest.scale}" if "score" in result.manifest.table else "no scores"
    say(f"{output}: {result.summary()}; {scores}")
    if result.missing or result.unreadable:
        context.exit(SOME_FAILED)
