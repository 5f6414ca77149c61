"""`tfiqa niqe fit`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.baseline_scores import measure_pictures, picture_options
from tfiqa.cli.output import SOME_FAILED, ends_in, say


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".npz"),
    help="Model to write: .npz.",
)
@picture_options
@click.pass_context
def fit(
    context: click.Context, paths: tuple[str, ...], output: Path, workers: int | None, max_pixels: int | None
) -> None:
    """Learn what undistorted pictures look like: manifests, or pictures, folders (searched) and patterns.

    All of the pictures are taken as undistorted, whatever their scores. The authors had 125. Exit status 3 when some could not be
    used.
    """
    from tfiqa.databases.picture_statistics import read_collection
    from tfiqa.models.baselines import niqe

    files = read_collection(paths).picture_paths()
    found, errors = measure_pictures(niqe.sharp_features, files, workers, max_pixels)
    rows = [of_one for of_one in found if of_one is not None]
    niqe.fit_features(rows).save(output)
    blocks = sum(map(len, rows))
    say(f"{output}: {blocks} sharp blocks of {len(rows)} pictures")
    if blocks <= niqe.FEATURES:
        say(f"warning: {blocks} blocks do not determine a covariance of {niqe.FEATURES} features; give more pictures")
    if errors:
        context.exit(SOME_FAILED)
