"""`tfiqa score`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, row_options, say, stream_rows


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--model",
    required=True,
    type=click.Path(path_type=Path),
    help="A run, a .keras file, an exported folder or a .tflite file.",
)
@row_options
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Patches in one pass.")
@click.option("--workers", type=click.IntRange(min=1), help="Decoding threads; by default one per processor.")
@click.option(
    "--max-pixels", type=click.IntRange(min=1), help="Larger pictures are refused; by default over 200 million."
)
@click.pass_context
def score(
    context: click.Context,
    pictures: tuple[str, ...],
    model: Path,
    form: str,
    output: str,
    batch_size: int,
    workers: int | None,
    max_pixels: int | None,
) -> None:
    """Score pictures: files, folders (searched) and patterns. One row a picture; a picture that fails is a row with its error.

    Exit status 3 when some pictures failed.
    """
    from tfiqa.images.discovery import find_pictures

    files = find_pictures(pictures)

    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.serving.scorer import Scorer

    limit = {} if max_pixels is None else {"max_pixels": max_pixels}
    scorer = Scorer.load(model, batch_size=batch_size, workers=workers, **limit)
    say(f"{scorer.source}: {scorer.info.scale}")
    columns = ("path", *scorer.columns, "error")
    failed = stream_rows(output, form, columns, scorer.rows(files), total=len(files), unit="picture")
    say(f"{len(files) - failed} of {len(files)} pictures scored")
    if failed:
        context.exit(SOME_FAILED)
