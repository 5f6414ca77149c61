"""`tfiqa report paq2piq`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, ends_in, say, say_some


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".md", ".html"),
    help="Page to write: .md or .html.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Patches in one pass.")
@click.pass_context
def paq2piq(context: click.Context, runs: tuple[Path, ...], output: Path, batch_size: int) -> None:
    """Tables 5, 6 and 8 of PaQ-2-PiQ's paper (Ying et al., CVPR 2020): agreement on pictures and on patches by their size, and
    parameters.

    RUNS are finished folders of `tfiqa fit` whose manifests have boxes and box_scores: of paq2piq_baseline, paq2piq_roipool,
    paq2piq_feedback, nima, cnniqa or any other model. Runs that did not learn boxes score them for the page, each as a
    picture of its own.

    Exit status 3 when the boxes of some pictures could not be scored.
    """
    from tfiqa.reports.runs import read_runs

    found = read_runs(runs)

    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.cli.progress import picture_progress
    from tfiqa.reports.page import write_page
    from tfiqa.reports.paq2piq import paq2piq_page
    from tfiqa.reports.paq2piq_results import labels_of, result_of

    results = [
        result_of(run, label, batch_size=batch_size, progress=picture_progress)
        for run, label in zip(found, labels_of(runs), strict=True)
    ]
    for path in write_page(paq2piq_page(results), output):
        say(f"wrote {path}")
    errors = [error for result in results for error in result.errors]
    say_some("left out", errors)
    if errors:
        context.exit(SOME_FAILED)
