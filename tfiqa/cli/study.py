"""`tfiqa study`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tfiqa.cli.output import say, say_some


@click.command()
@click.argument("ratings", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Manifest to write: .csv or .parquet.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write all figures and removed sessions as JSON.")
@click.option(
    "--rejection",
    type=click.Choice(["spaq", "bt500", "paq2piq", "none"]),
    default="spaq",
    show_default=True,
    help="Which raters do not count: the rules of SPAQ, ITU-R BT.500 or PaQ-2-PiQ.",
)
@click.option("--low", type=float, default=0, show_default=True, help="Lowest grade of the rating scale.")
@click.option("--high", type=float, default=100, show_default=True, help="Highest grade of the rating scale.")
@click.option(
    "--method",
    type=click.Choice(["mos", "zscore"]),
    default="mos",
    show_default=True,
    help="Average the ratings as given, or each subject's Z-scores, scaled to 0..100.",
)
@click.option(
    "--halves", type=click.IntRange(min=2), default=25, show_default=True, help="Random halvings of the subjects."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the halvings.")
def study(
    ratings: Path,
    output: Path,
    report: Path | None,
    rejection: str,
    low: float,
    high: float,
    method: str,
    halves: int,
    seed: int,
) -> None:
    """Make mean opinion scores of the RATINGS of a subjective study and tell how far they can be trusted.

    RATINGS is a CSV or Parquet table with the columns subject, stimulus, score and, where subjects took part more than
    once, session. The output has a row a stimulus (named `image`) with its score, standard deviation, half the 95 %
    interval (ci95) and number of opinions, and serves as a manifest.
    """
    from tfiqa.databases.opinion_scores import read_ratings, run_study, write_scores
    from tfiqa.files import write_text

    files = [file.resolve() for file in (ratings, output, report) if file]
    if len(set(files)) < len(files):
        raise click.UsageError("RATINGS, --output and --report must be different files")
    result = run_study(
        read_ratings(ratings, low=low, high=high), rejection=rejection, method=method, halves=halves, seed=seed
    )
    write_scores(result, output)
    if report is not None:
        write_text(report, json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    removed = result.rejection.removed_sessions.itertuples()
    say_some("removed", [f"subject {row.subject}, session {row.session}: {row.reason}" for row in removed])
    say(result.to_text())
    say(f"{output}: {len(result.table)} stimuli")
