"""`tfiqa data describe`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfiqa.cli.output import SOME_FAILED, say_some

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfiqa.databases.manifest import Manifest

PLOT_ENDINGS = (".png", ".svg", ".pdf")
PLOT_BINS = 30
PANELS_IN_ROW = 3
AXIS_LABELS = {
    "absolute_brightness": "absolute brightness R + G + B",
    "hasler_colorfulness": "colourfulness (Hasler, Süsstrunk)",
    "rms_contrast": "RMS contrast",
    "spatial_information": "spatial information",
    "pixel_count": "million pixels",
    "width": "width in pixels",
    "height": "height in pixels",
    "aspect_ratio": "aspect ratio, width / height",
}
UNITS = {"pixel_count": 1e6}
SIZES = ("pixel_count", "width", "height", "aspect_ratio")
LOGARITHMIC_RATIO = 10  # of the largest to the smallest, from which on sizes are drawn logarithmically


def ends_in(*endings: str) -> Callable[[click.Context, click.Parameter, Path | None], Path | None]:
    """A callback that refuses a file of another kind at once, not after hours of work."""

    def check(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and path.suffix.lower() not in endings:
            raise click.BadParameter(f"{path} does not end in {' or '.join(endings)}")
        return path

    return check


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
        _draw(collections, described, plot)
    bad = [error for manifest in collections.values() for error in picture_errors(manifest)]
    say_some("bad", bad)
    if bad:
        context.exit(SOME_FAILED)


def _columns(manifest: Manifest) -> list[str]:
    """The statistics and the score, as far as any picture has them."""
    from tfiqa.images.statistics import STATISTICS

    table = manifest.table
    return [column for column in (*STATISTICS, "score") if column in table and table[column].notna().any()]


def _common_columns(manifest: Manifest, described: Manifest) -> list[str]:
    """The columns of both that can be compared; scores of different scales cannot."""
    columns = [column for column in _columns(manifest) if column in _columns(described)]
    return [column for column in columns if column != "score" or manifest.scale == described.scale]


def _summary_text(label: str, manifest: Manifest, described: Manifest) -> str:
    """The collection's summary; where it is a reference, also how far the described collection is from it."""
    from tfiqa.databases.picture_statistics import picture_errors, summarise
    from tfiqa.databases.sampling import histogram_like

    table, columns = manifest.table, _columns(manifest)
    title = f"{label}: {len(table)} pictures, {len(picture_errors(manifest))} bad"
    if "score" in columns:
        title += f"; score: {manifest.scale}"
    if not columns:
        return title
    summary = summarise(table, columns)
    if manifest is not described:
        for column in _common_columns(manifest, described):
            target = histogram_like(table[column].dropna())
            summary.loc[column, "distance"] = target.distance(described.table[column].dropna())
    return f"{title}\n{summary.to_string(float_format=_short, na_rep='')}\n"


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def _draw(collections: Mapping[str, Manifest], described: Manifest, path: Path) -> None:
    """Histograms of all that the described collection has, each collection in a colour of its own.

    Raises InvalidInput when there is nothing to draw.
    """
    import numpy as np
    from matplotlib.figure import Figure

    from tfiqa.errors import InvalidInput
    from tfiqa.files import whole_file

    columns = _columns(described)
    if not columns:
        raise InvalidInput(f"{path}: there is nothing to draw, since no picture could be measured")
    rows = -(-len(columns) // PANELS_IN_ROW)
    figure = Figure(figsize=(4 * PANELS_IN_ROW, 2.5 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, PANELS_IN_ROW, squeeze=False).ravel()
    for panel, column in zip(panels, columns, strict=False):
        values = [
            _values(manifest, column) if column in _common_columns(manifest, described) else np.empty(0)
            for manifest in collections.values()
        ]
        _draw_panel(panel, values, is_size=column in SIZES)
        panel.set_xlabel(AXIS_LABELS.get(column, f"score: {described.scale.unit}"))
    for panel in panels[::PANELS_IN_ROW]:
        panel.set_ylabel("pictures, %")
    for panel in panels[len(columns) :]:
        panel.remove()
    labels = [f"{label} ({len(manifest)} pictures)" for label, manifest in collections.items()]
    figure.legend(panels[0].patches, labels, loc="outside upper center", ncols=2, frameon=False)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _values(manifest: Manifest, column: str) -> NDArray[np.float64]:
    return manifest.table[column].dropna().to_numpy(float) / UNITS.get(column, 1.0)


def _draw_panel(panel: Any, values: Sequence[NDArray[np.float64]], is_size: bool) -> None:
    import numpy as np
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    joined = np.concatenate(values)
    low, high = joined.min(), joined.max()
    is_logarithmic = is_size and high / low >= LOGARITHMIC_RATIO
    if low == high:  # a bar of some width for the one value there is
        low, high = low - 0.5, high + 0.5
    edges = (np.geomspace if is_logarithmic else np.linspace)(low, high, PLOT_BINS + 1)
    edges[0], edges[-1] = low, high  # which geomspace may miss by rounding
    for place, each in enumerate(values):
        color = f"C{place}"
        weights = np.full(len(each), 100 / max(len(each), 1))
        panel.hist(each, edges, weights=weights, histtype="stepfilled", facecolor=(color, 0.35), edgecolor=color)
    if is_logarithmic:
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
    panel.spines[["top", "right"]].set_visible(False)
