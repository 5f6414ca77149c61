"""Writing results: rows as CSV or JSON lines, to standard output or a file that appears whole."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from tfiqa.files import whole_file, write_text

SOME_FAILED = 3  # exit status when some inputs failed, each of them a row with its error
SHOWN = 20  # texts of one kind; a half-copied database would fill the screen otherwise
WriteRow = Callable[[Mapping[str, Any]], None]


def say(text: str) -> None:
    """A line for the person at the terminal, on standard error."""
    click.echo(text, err=True)


def ends_in(*endings: str) -> Callable[[click.Context, click.Parameter, Path | None], Path | None]:
    """A callback that refuses a file of another kind at once, not after hours of work."""

    def check(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and path.suffix.lower() not in endings:
            raise click.BadParameter(f"{path} does not end in {' or '.join(endings)}")
        return path

    return check


def row_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --format (as `form`) and --output, which `stream_rows` takes."""
    form = click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
    output = click.option(
        "--output", default="-", help="File, written whole at the end; '-' is standard output, row by row."
    )
    return form(output(command))


def say_some(what: str, texts: Sequence[str]) -> None:
    """The first of the texts, a line each, and how many more there are."""
    for text in texts[:SHOWN]:
        say(f"{what}: {text}")
    if len(texts) > SHOWN:
        say(f"{what}: {len(texts) - SHOWN} more")


@contextmanager
def row_writer(output: str, form: str, columns: Sequence[str]) -> Iterator[WriteRow]:
    """Yields a function that writes one row.

    Args:
        output: a file, or "-" for standard output, where each row appears at once.
        form: "csv" (None is an empty cell) or "jsonl".
        columns: the row's keys in order.
    """
    if output == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="surrogateescape")  # file names need not be UTF-8
        yield _writer(sys.stdout, form, columns)
        return
    with (
        whole_file(output) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        yield _writer(stream, form, columns)


def write_result(output: str, text: str) -> None:
    """Writes a text to a file, or to standard output for "-"."""
    if output == "-":
        click.echo(text)
    else:
        write_text(output, text + "\n")


def stream_rows(
    output: str, form: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, total: int, unit: str
) -> int:
    """Writes rows as they come, with a progress bar, and tells how many of them have an `error`.

    Args:
        output: a file, or "-" for standard output.
        form: "csv" or "jsonl".
        columns: the columns, in order.
        rows: each with all columns.
        total: how many there will be.
        unit: what a row is of, for the progress bar.
    """
    from tqdm import tqdm

    # A bar would be torn apart by rows on the same terminal.
    quiet = not sys.stderr.isatty() or (output == "-" and sys.stdout.isatty())
    failed = 0
    with row_writer(output, form, columns) as write:
        for row in tqdm(rows, total=total, unit=unit, disable=quiet, leave=False):
            write(row)
            failed += row["error"] is not None
    return failed


def _json_value(value: Any) -> Any:
    """JSON has no infinite numbers (the PSNR of identical pictures): they are the text "inf"."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _writer(stream: IO[str], form: str, columns: Sequence[str]) -> WriteRow:
    if form == "jsonl":

        def write_json_row(row: Mapping[str, Any]) -> None:
            stream.write(json.dumps({name: _json_value(row[name]) for name in columns}, ensure_ascii=False) + "\n")
            stream.flush()

        return write_json_row
    table = csv.DictWriter(stream, columns, lineterminator="\n")
    table.writeheader()

    def write_csv_row(row: Mapping[str, Any]) -> None:
        table.writerow({name: row[name] for name in columns})
        stream.flush()

    return write_csv_row
