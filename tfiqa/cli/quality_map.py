"""`tfiqa map`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.figures import is_one_figure, pictures_to_draw
from tfiqa.cli.output import SOME_FAILED, ends_in, say, say_some
from tfiqa.serving.shipped_model import SHIPPED, shipped_model

if TYPE_CHECKING:
    from tfiqa.explain.quality_map import QualityMap

LOCAL_COLUMNS = "row,column,left,top,right,bottom,quality"


@click.command("map")
@click.argument("pictures", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help=f"A run, a .keras file or an exported folder; by default {SHIPPED}, the model that comes with tfiqa.",
)
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="NAME.png for one picture, else a folder."
)
@click.option(
    "--grid",
    default="20",
    show_default=True,
    help="Blocks: 20 (rows and columns), 3x5, 32px (of about 32x32 pixels) or dense.",
)
@click.option(
    "--alpha", type=click.FloatRange(0, 1), default=0.8, show_default=True, help="The map's share over the picture."
)
@click.option("--low", type=float, help="Score of the darkest colour; by default each map's lowest.")
@click.option("--high", type=float, help="Score of the brightest colour; by default each map's highest.")
@click.option(
    "--worst", type=click.IntRange(min=0), default=3, show_default=True, help="Worst blocks marked in a picture."
)
@click.option(
    "--local",
    type=click.Path(path_type=Path),
    callback=ends_in(".csv", ".npy"),
    help="Of one picture: also write the blocks' scores, as .csv (a row a block) or .npy (rows by columns).",
)
@click.option(
    "--normalisation",
    type=click.Choice(["paq2piq", "fastiqa"]),
    default="paq2piq",
    show_default=True,
    help="Which of its authors' versions spreads FLIVE's scores over 0 to 100.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Windows in one pass.")
@click.option(
    "--max-pixels", type=click.IntRange(min=1), help="Larger pictures are refused; by default over 200 million."
)
@click.pass_context
def quality_map(
    context: click.Context,
    pictures: tuple[str, ...],
    model: Path | None,
    output: Path,
    grid: str,
    alpha: float,
    low: float | None,
    high: float | None,
    worst: int,
    local: Path | None,
    normalisation: str,
    batch_size: int,
    max_pixels: int | None,
) -> None:
    """Show where in pictures a model sees good and bad quality.

    PATHs are files, folders (searched) and patterns. One picture and --output NAME.png give a figure: the picture with its
    worst blocks marked, beside the map over it. Otherwise --output is a new folder with the figures and the blocks' scores in
    maps/, a row a picture in maps.csv, and index.html, which has the pictures with the worst places first.

    paq2piq_roipool, paq2piq_feedback and paq2piq_baseline score all blocks in one pass. Other models score a window around each,
    of 224 pixels a side or of their patches' size, which takes as long as so many pictures of that size.

    Exit status 3 when some pictures failed; maps.csv and index.html then have their errors.
    """
    from tfiqa.errors import PictureError
    from tfiqa.explain.blocks import parse_grid

    if low is not None and high is not None and not low < high:
        raise click.UsageError("--low lies below --high.")
    parse_grid(grid)
    single = is_one_figure(output)
    if not single and local is not None:
        raise click.UsageError("--local goes with --output NAME.png; a folder has the scores of each picture in maps/.")
    files = pictures_to_draw(pictures, output)
    searched = [Path(path) for path in pictures if Path(path).is_dir()]
    if not single and any(output.resolve().is_relative_to(folder.resolve()) for folder in searched):
        raise click.UsageError(
            "--output lies in a folder that is searched, where its figures would be taken for pictures."
        )

    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.explain.map_figure import MapStyle, draw_map
    from tfiqa.explain.map_pictures import map_pictures
    from tfiqa.explain.normalised_score import normalisation_of
    from tfiqa.files import whole_file
    from tfiqa.reports.maps import PAGE, Settings, map_row, write_maps
    from tfiqa.serving.mapper import load_mapper

    source = shipped_model() if model is None else model
    mapper = load_mapper(source, grid, batch_size=batch_size)
    assert mapper.info.scale is not None  # there are no mappers of models without one
    say(f"{source}: {mapper.info.scale}")
    limit = {} if max_pixels is None else {"max_pixels": max_pixels}
    mapped = map_pictures(mapper, files, **limit)
    style = MapStyle(alpha, low, high, worst)
    normalise = normalisation_of(mapper.info, normalisation)
    if single:
        (result,) = mapped
        if isinstance(result, PictureError):
            raise result
        figure = draw_map(result.pixels, result.quality_map, style)
        if local is not None:
            _write_local(local, result.quality_map)
        with whole_file(output) as temporary:
            temporary.write_bytes(figure)
        row = map_row(result.quality_map, normalise)
        words = f", normalised {row['normalised']:.1f}: {row['category']}" if normalise else ""
        say(f"{output}: quality {row['quality']:.4g}{words}; worst block {row['worst_quality']:.4g}")
        return
    settings = Settings(mapper.info.scale, f"Quality maps by {mapper.info.model}", style, normalise)
    rows = write_maps(files, mapped, output, settings, picture_progress("maps"))
    errors = [row["error"] for row in rows if row["error"] is not None]
    say_some("no map", errors)
    say(f"{output / PAGE}: {len(rows) - len(errors)} of {len(rows)} pictures")
    if errors:
        context.exit(SOME_FAILED)


def _write_local(path: Path, quality_map: QualityMap) -> None:
    """The blocks' scores, as `--local` says."""
    import numpy as np

    from tfiqa.files import whole_file

    with whole_file(path) as temporary, open(temporary, "wb") as file:
        if path.suffix.lower() == ".npy":
            np.save(file, quality_map.local)
            return
        places = np.indices(quality_map.local.shape).reshape(2, -1).T
        table = np.column_stack([places, quality_map.blocks.reshape(-1, 4), quality_map.local.ravel()])
        np.savetxt(file, table, "%.9g", delimiter=",", header=LOCAL_COLUMNS, comments="")
