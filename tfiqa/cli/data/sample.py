"""`tfiqa data sample`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, ends_in, say, say_some

# PaQ-2-PiQ, section 3.1, without the number of faces
FEATURES = ("absolute_brightness", "hasler_colorfulness", "rms_contrast", "spatial_information", "pixel_count")


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--like", "target", metavar="TARGET", help="Collection to resemble: a manifest, a table of `describe`, pictures."
)
@click.option("--uniform", is_flag=True, help="Flat histograms over the range of MANIFEST instead.")
@click.option("--count", type=click.IntRange(min=1), required=True, help="How many pictures to choose.")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".csv", ".parquet"),
    help="Manifest to write: .csv or .parquet.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--features", default=",".join(FEATURES), show_default=True, help="Statistics or columns, with commas.")
@click.option("--bins", type=click.IntRange(min=2), default=10, show_default=True, help="Of each histogram.")
@click.pass_context
def sample(
    context: click.Context,
    manifest: Path,
    target: str | None,
    uniform: bool,
    count: int,
    output: Path,
    seed: int,
    features: str,
    bins: int,
) -> None:
    """Choose pictures of MANIFEST such that the histograms of all features match those of TARGET, or are flat.

    Features that MANIFEST or TARGET has no column for are measured; the table of `tfiqa data describe` has them. The rows
    keep the columns of MANIFEST. The distances printed are the share of pictures in wrong bins (0..1, total variation
    distance), beside that of a random sample.

    Exit status 3 when some pictures cannot be measured; they are not chosen.
    """
    from dataclasses import replace

    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases.manifest import read_manifest, write_manifest
    from tfiqa.databases.picture_statistics import picture_errors, read_collection, with_features
    from tfiqa.databases.sampling import choose_pictures, flat_histogram, histogram_like

    if bool(target) == uniform:
        raise click.UsageError("give either --like TARGET or --uniform")
    names = [name.strip() for name in features.split(",")]
    given = read_manifest(manifest)
    collections = [given, read_collection([target])] if target else [given]
    measured = [with_features(each, names, progress=picture_progress("measuring")) for each in collections]
    histogram = histogram_like if target else flat_histogram
    targets = {name: histogram(measured[-1].table[name].dropna(), bins) for name in names}
    chosen = choose_pictures(measured[0], targets, count, seed)
    write_manifest(replace(given, table=given.table.iloc[chosen.rows].reset_index(drop=True)), output)
    click.echo(chosen.distances.to_string(float_format="{:.4f}".format))
    is_proven = chosen.misplaced == chosen.lowest_misplaced
    proof = "no sample has fewer" if is_proven else f"no sample has fewer than {chosen.lowest_misplaced}"
    say(f"{output}: {count} of {len(given)} pictures; misplaced over all features: {chosen.misplaced} ({proof})")
    bad = [error for each in measured for error in picture_errors(each)]
    say_some("bad", bad)
    if bad:
        context.exit(SOME_FAILED)
