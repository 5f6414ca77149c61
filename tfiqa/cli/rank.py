"""`tfiqa rank`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfiqa.cli.output import SOME_FAILED, row_writer, say

if TYPE_CHECKING:
    from tfiqa.evaluation.thurstone import Ranking

COLUMNS = (
    "rank",
    "path",
    "quality",
    "uncertainty",
    "expected_rank",
    "rank_low",
    "rank_high",
    "better_than_next",
    "among_best",
    "error",
)


@click.command()
@click.argument("pictures", nargs=-1, metavar="PATH...")
@click.option("--model", type=click.Path(path_type=Path), help="A run, a .keras file or an exported folder.")
@click.option(
    "--scores",
    type=click.Path(path_type=Path),
    help="Instead of pictures and a model: a file with the columns path, quality, uncertainty, as `tfiqa score` writes it.",
)
@click.option("--lower-is-better", is_flag=True, help="Of the quality in --scores.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Also the probability of being among the best N; 1 where there are no more.",
)
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--output", default="-", help="File, written whole; '-' is standard output.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Patches in one pass.")
@click.option("--workers", type=click.IntRange(min=1), help="Decoding threads; by default one per processor.")
@click.pass_context
def rank(
    context: click.Context,
    pictures: tuple[str, ...],
    model: Path | None,
    scores: Path | None,
    lower_is_better: bool,
    top: int | None,
    form: str,
    output: str,
    batch_size: int,
    workers: int | None,
) -> None:
    """Rank pictures (files, folders, patterns) from best to worst, and tell how sure each rank is.

    The qualities that people see are taken as drawn from normal distributions around the model's quality with its
    uncertainty as standard deviation, pictures independently. Columns: the expected rank, the interval that holds the rank
    with 95 %, the probability of looking better than the next one and, with --top, of being among the best N.

    Pictures that fail are rows with their error at the end; the exit status is then 3.
    """
    if scores is None and (model is None or not pictures):
        raise click.UsageError("give pictures and --model, or --scores")
    if scores is not None and (model is not None or pictures):
        raise click.UsageError("--scores takes the place of pictures and --model")
    if lower_is_better and scores is None:
        raise click.UsageError("--lower-is-better is of --scores; a model knows its direction")
    if scores is None:
        assert model is not None
        rows, higher_is_better = _scored(pictures, model, batch_size, workers)
    else:
        from tfiqa.serving.uncertain_scores import read_uncertain_scores

        rows, told = read_uncertain_scores(scores)
        higher_is_better = told and not lower_is_better

    from tfiqa.errors import InvalidInput
    from tfiqa.evaluation.thurstone import rank_pictures

    good = [row for row in rows if row["error"] is None]
    failed = [row for row in rows if row["error"] is not None]
    if not good:
        raise InvalidInput(f"none of the {len(rows)} pictures has a score; the first: {failed[0]['error']}")
    sign = 1 if higher_is_better else -1
    best = None if top is None else min(top, len(good))
    ranking = rank_pictures([sign * row["quality"] for row in good], [row["uncertainty"] for row in good], best)
    columns = [name for name in COLUMNS if name != "among_best" or top is not None]
    with row_writer(output, form, columns) as write:
        for row in _ranked(good, ranking):
            write(row)
        for row in failed:
            write({**dict.fromkeys(columns), "path": row["path"], "error": row["error"]})
    say(f"{len(good)} of {len(rows)} pictures ranked")
    if failed:
        context.exit(SOME_FAILED)


def _scored(
    pictures: Sequence[str], model: Path, batch_size: int, workers: int | None
) -> tuple[list[dict[str, Any]], bool]:
    """The rows of `Scorer.rows`, and whether a higher quality is better."""
    from tfiqa.images.discovery import find_pictures

    files = find_pictures(pictures)

    from tfiqa.cli.list_scorer import list_scorer
    from tfiqa.cli.progress import picture_progress

    scorer = list_scorer(model, batch_size=batch_size, workers=workers)

    from tfiqa.serving.uncertain_scores import require_uncertainty

    require_uncertainty(scorer)
    assert scorer.info.scale is not None  # Scorer refuses models without one
    say(f"{scorer.source}: {scorer.info.scale}")
    progress = picture_progress("scoring")
    rows = []
    for row in scorer.rows(files):
        rows.append(row)
        progress(len(rows), len(files))
    return rows, scorer.info.scale.higher_is_better


def _ranked(good: Sequence[Mapping[str, Any]], ranking: Ranking) -> Iterator[dict[str, Any]]:
    last = len(good) - 1
    for place, row in enumerate(ranking.order):
        yield {
            "rank": place + 1,
            **{name: good[row][name] for name in ("path", "quality", "uncertainty")},
            "expected_rank": float(ranking.expected[place]),
            "rank_low": int(ranking.low[place]),
            "rank_high": int(ranking.high[place]),
            "better_than_next": None if place == last else float(ranking.better_than_next[place]),
            "among_best": None if ranking.among_best is None else float(ranking.among_best[place]),
            "error": None,
        }
