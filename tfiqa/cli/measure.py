"""`tfiqa measure`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import SOME_FAILED, say, stream_rows

if TYPE_CHECKING:
    from tfiqa.pipelines.picture_pairs import PicturePair


@click.command()
@click.argument("reference", required=False)
@click.argument("distorted", required=False)
@click.option("--pairs", "table", type=click.Path(path_type=Path), help="Table with columns reference and distorted.")
@click.option("--pattern", help="In folders: a distorted picture's name, such as '{reference}_*'.")
@click.option(
    "--measure", "measures", multiple=True, default=("all",), metavar="NAME|all", help="May be repeated; default: all."
)
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), help="By default as --output ends, or csv.")
@click.option("--output", default="-", help="File, written whole at the end; '-' is standard output, row by row.")
@click.option("--workers", type=click.IntRange(min=1), help="Decoding threads; by default one per processor.")
@click.option(
    "--max-pixels", type=click.IntRange(min=1), help="Larger pictures are refused; by default over 200 million."
)
@click.pass_context
def measure(
    context: click.Context,
    reference: str | None,
    distorted: str | None,
    table: Path | None,
    pattern: str | None,
    measures: tuple[str, ...],
    form: str | None,
    output: str,
    workers: int | None,
    max_pixels: int | None,
) -> None:
    """Compare distorted pictures with their references by full-reference measures (`tfiqa list measures`).

    REFERENCE and DISTORTED are files or folders (searched). One reference file is compared with every picture of a
    folder. Of two folders, pictures belong together by name: the reference's, alone or with anything behind it that
    begins with neither letter nor digit (I01.png and i01_05_2.bmp), or as --pattern says. --pairs takes a CSV or Parquet
    table instead, also a manifest; paths in it start from its folder, and its further columns are kept.

    One row a distorted picture. Rows whose pictures are missing, unreadable, of unequal sizes or too small for a measure
    say so in the column error; the exit status is then 3.
    """
    pairs = _pairs(reference, distorted, table, pattern)

    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa import full_reference
    from tfiqa.errors import InvalidInput
    from tfiqa.pipelines.measuring import PairMeasurer

    names = [name for one in measures for name in (full_reference.ELEVEN if one == "all" else (one,))]
    limit = {} if max_pixels is None else {"max_pixels": max_pixels}
    measurer = PairMeasurer(names, workers=workers, **limit)
    columns = list(pairs[0].cells)
    taken = [column for column in columns if column in (*measurer.names, "error")]
    if taken:
        raise InvalidInput(f"{table}: column {taken[0]!r} is one that the output gets; rename it")
    form = form or ("jsonl" if output.lower().endswith(".jsonl") else "csv")
    columns = [*columns, *measurer.names, "error"]
    failed = stream_rows(output, form, columns, measurer.rows(pairs), total=len(pairs), unit="pair")
    say(f"{len(pairs) - failed} of {len(pairs)} pairs measured")
    if failed:
        context.exit(SOME_FAILED)


def _pairs(reference: str | None, distorted: str | None, table: Path | None, pattern: str | None) -> list[PicturePair]:
    from tfiqa.pipelines.picture_pairs import find_pairs, read_pairs

    if table is None and reference is not None and distorted is not None:
        return find_pairs(reference, distorted, pattern)
    if table is None or reference is not None or pattern is not None:
        raise click.UsageError("Give REFERENCE and DISTORTED (and, of folders, --pattern), or --pairs alone.")
    return read_pairs(table)
