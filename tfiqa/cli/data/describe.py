"""`tfiqa data describe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import SOME_FAILED, ends_in, say_some

if TYPE_CHECKING:
    from tfiqa.databases.manifest import Manifest

PLOT_ENDINGS = (".png", ".svg", ".pdf")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="MANIFEST_OR_PATH...")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    callback=ends_in(".csv", ".parquet"),
    help="Table to write, a row a picture: .csv or .parquet. It is a manifest with the statistics as columns.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path), callback=ends_in(*PLOT_ENDINGS), help="Histograms: .png, .svg or .pdf."
)
@click.option("--reference", multiple=True, metavar="OTHER", help="Another collection to compare with; repeatable.")
@click.option("--workers", type=click.IntRange(min=1), help="Decoding threads; by default one per processor.")
@click.pass_context
def describe(
    context: click.Context,
    paths: tuple[str, ...],
    output: Path | None,
    plot: Path | None,
    reference: tuple[str, ...],
    workers: int | None,
) -> None:
    """Describe a collection (manifests; or pictures, folders, patterns): brightness, colourfulness, contrast, spatial
    information, size and score.

    A table that --output wrote is used as it is, without measuring again. For each --reference the column `distance` says
    what share of this collection is in wrong bins of the reference's histogram (0..1, total variation distance).

    Exit status 3 when some pictures cannot be measured; each is a row of --output with its error.
    """
    from tfiqa.cli.data.describe_plot import draw_histograms
    from tfiqa.cli.progress import picture_progress
    from tfiqa.databases.manifest import write_manifest
    from tfiqa.databases.picture_statistics import picture_errors, read_collection, with_statistics

    name = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    found = {name: read_collection(paths), **{other: read_collection([other]) for other in reference}}
    collections = {
        label: with_statistics(manifest, workers=workers, progress=picture_progress("measuring"))
        for label, manifest in found.items()
    }
    described = collections[name]
    if output is not None:
        write_manifest(described, output)
    for label, manifest in collections.items():
        click.echo(_summary_text(label, manifest, described))
    if plot is not None:
        draw_histograms(collections, described, plot)
    bad = [error for manifest in collections.values() for error in picture_errors(manifest)]
    say_some("bad", bad)
    if bad:
        context.exit(SOME_FAILED)


def _summary_text(label: str, manifest: Manifest, described: Manifest) -> str:
    """The collection's summary; where it is a reference, also how far the described collection is from it."""
    from tfiqa.cli.data.describe_plot import common_columns, statistic_columns
    from tfiqa.databases.picture_statistics import picture_errors, summarise
    from tfiqa.databases.sampling import histogram_like

    table, columns = manifest.table, statistic_columns(manifest)
    title = f"{label}: {len(table)} pictures, {len(picture_errors(manifest))} bad"
    if "score" in columns:
        title += f"; score: {manifest.scale}"
    if not columns:
        return title
    summary = summarise(table, columns)
    if manifest is not described:
        for column in common_columns(manifest, described):
            target = histogram_like(table[column].dropna())
            summary.loc[column, "distance"] = target.distance(described.table[column].dropna())
    return f"{title}\n{summary.to_string(float_format=_short, na_rep='')}\n"


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"
