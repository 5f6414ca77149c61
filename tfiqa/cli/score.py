"""`tfiqa score`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import click

from tfiqa.cli.list_scorer import list_scorer
from tfiqa.cli.output import SOME_FAILED, row_options, say, stream_rows
from tfiqa.serving.shipped_model import SHIPPED

PATCHES, PICTURES = 32, 4  # --batch-size by default


class RowScorer(Protocol):
    """What scores pictures, here or at a server."""

    columns: tuple[str, ...]

    def rows(self, pictures: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
        """One row a picture."""


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--model",
    help="A run, a .keras file, an exported folder or a .tflite file; with --server the model's name there. By default "
    f"{SHIPPED}, the model that comes with tfiqa.",
)
@row_options
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help=f"Patches in one pass ({PATCHES}); with --server pictures in one request ({PICTURES}).",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Decoding threads, by default one per processor; with --server requests at a time (2).",
)
@click.option(
    "--max-pixels", type=click.IntRange(min=1), help="Larger pictures are refused; by default over 200 million."
)
@click.option(
    "--server",
    metavar="URL",
    help="Ask a server that speaks as TF Serving does: http://HOST:8501 (or https) or grpc://HOST:8500.",
)
@click.option("--model-version", type=click.IntRange(min=0), help="Of the server's model; by default the newest.")
@click.option("--model-label", metavar="LABEL", help="Of the version of the server's model, such as stable.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="For each request to the server, with all its retries (60).",
)
@click.pass_context
def score(
    context: click.Context,
    pictures: tuple[str, ...],
    model: str | None,
    form: str,
    output: str,
    batch_size: int | None,
    workers: int | None,
    max_pixels: int | None,
    server: str | None,
    model_version: int | None,
    model_label: str | None,
    timeout: float | None,
) -> None:
    """Score pictures: files, folders (searched) and patterns. One row a picture; a picture that fails is a row with its error.

    Exit status 3 when some pictures failed. When a server goes away half-way it is asked again, up to five times with growing
    pauses; if it stays away, the pictures left are rows with that error.
    """
    _check_usage(model, server, model_version, model_label, timeout)
    from tfiqa.images.discovery import find_pictures

    files = find_pictures(pictures)
    limit = {} if max_pixels is None else {"max_pixels": max_pixels}
    with ExitStack() as at_end:
        scorer: RowScorer
        if server is None:
            several = len(files) > 1 and workers != 1
            scorer = _scorer(model, several, batch_size=batch_size or PATCHES, workers=workers, **limit)
        else:
            from tfiqa.serving.client import TIMEOUT_SECONDS, PredictClient
            from tfiqa.serving.picture_requests import WORKERS
            from tfiqa.serving.served_scorer import ServedScorer

            if server.startswith("grpc:"):  # its messages are TensorFlow's
                from tfiqa.cli.tensorflow_start import load_tensorflow

                load_tensorflow()
            name = SHIPPED if model is None else model
            client = PredictClient(
                server,
                name,
                version=model_version,
                label=model_label,
                timeout_seconds=timeout or TIMEOUT_SECONDS,
            )
            at_end.enter_context(client)
            served = ServedScorer(client, batch_size=batch_size or PICTURES, workers=workers or WORKERS, **limit)
            say(f"{client.url} {name}: {served.scale}")
            if served.left_out:
                say(f"left out, being of no fixed size: {', '.join(served.left_out)}")
            scorer = served
        columns = ("path", *scorer.columns, "error")
        failed = stream_rows(output, form, columns, scorer.rows(files), total=len(files), unit="picture")
    say(f"{len(files) - failed} of {len(files)} pictures scored")
    if failed:
        context.exit(SOME_FAILED)


def _scorer(model: str | None, several: bool, **settings: Any) -> RowScorer:
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.serving.scorer import Scorer

    load = list_scorer if several else Scorer.load
    scorer = load(None if model is None else Path(model), **settings)
    say(f"{scorer.source}: {scorer.info.scale}")
    return scorer


def _check_usage(
    model: str | None, server: str | None, version: int | None, label: str | None, timeout: float | None
) -> None:
    """Raises UsageError for options that do not go together."""
    if server is None:
        options = {"--model-version": version, "--model-label": label, "--timeout": timeout}
        for option, value in options.items():
            if value is not None:
                raise click.UsageError(f"{option} is for a server: give --server URL too")
        return
    if version is not None and label is not None:
        raise click.UsageError("--model-version and --model-label both name a version: give one of them")
    if model is None:
        return
    if not model or "/" in model or ":" in model or Path(model).suffix in (".keras", ".tflite"):
        raise click.UsageError(
            f"with --server, --model is the model's name there, such as spaq_bl, not a file or folder. Received: {model!r}"
        )
