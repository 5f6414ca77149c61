"""`tfiqa`: the group of all commands, and what an error looks like."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from tfiqa.cli.brisque import brisque
from tfiqa.cli.compare import compare
from tfiqa.cli.data import data
from tfiqa.cli.distort import distort
from tfiqa.cli.evaluate import evaluate
from tfiqa.cli.explain import explain
from tfiqa.cli.export import export
from tfiqa.cli.extract import extract
from tfiqa.cli.fit import fit
from tfiqa.cli.gmad import gmad
from tfiqa.cli.import_weights import import_weights
from tfiqa.cli.list_names import list_names
from tfiqa.cli.measure import measure
from tfiqa.cli.niqe import niqe
from tfiqa.cli.quality_map import quality_map
from tfiqa.cli.rank import rank
from tfiqa.cli.report import report
from tfiqa.cli.score import score
from tfiqa.cli.serve import serve
from tfiqa.cli.study import study
from tfiqa.errors import TfiqaError

LONGEST_ERROR = 2000  # characters; a damaged table can have a cell of any length
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tfiqa")
def tfiqa() -> None:
    """Judge the quality of photographs without a reference.

    Exit status: 0 all done, 1 an error, 2 wrong usage, 3 some inputs failed (each is a row with its error).
    """


for command in (
    fit,
    evaluate,
    score,
    compare,
    rank,
    measure,
    gmad,
    quality_map,
    explain,
    distort,
    extract,
    export,
    serve,
    data,
    study,
    brisque,
    niqe,
    report,
    import_weights,
    list_names,
):
    tfiqa.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """The console script: runs a command and ends the process; errors of ours are one line on standard error."""
    try:
        status: Any = tfiqa.main(arguments, standalone_mode=False)
        sys.stdout.flush()
    except TfiqaError as error:
        text = str(error)
        click.echo(f"error: {text if len(text) <= LONGEST_ERROR else text[:LONGEST_ERROR] + ' ...'}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, say) has seen enough; without this Python would complain while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # files have errors of their own; what names none is a full disk behind a redirection
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        what = "cannot write standard output" if error.filename is None else error.filename
        click.echo(f"error: {what}: {error.strerror or error}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)
