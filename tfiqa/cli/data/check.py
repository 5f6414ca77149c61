"""`tfiqa data check`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, say, say_some


@click.command()
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
    say_some("bad", bad)
    scores = table.table["score"]
    say(
        f"{manifest}: {len(checks)} pictures, {len(bad)} bad; score {scores.min():g} to {scores.max():g} ({table.scale})"
    )
    if "split" in table.table:
        counts = table.table["split"].value_counts()
        say("split: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    if bad:
        context.exit(SOME_FAILED)
