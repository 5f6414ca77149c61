"""`tfiqa gmad`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import SOME_FAILED, say, say_some

if TYPE_CHECKING:
    from tfiqa.evaluation.gmad import Clash

LEVELS_SHOWN = 10


@click.command()
@click.option("--attacker", metavar="[NAME=]SOURCE", help="A model, or a score file: FILE or FILE:COLUMN.")
@click.option("--defender", metavar="[NAME=]SOURCE", help="Likewise.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="[NAME=]SOURCE",
    help="In place of both, twice or more: each attacks each.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder (searched) or manifest; by default the pictures of the first score file.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--levels", type=click.IntRange(1, 100), default=6, show_default=True, help="Levels of the defender.")
@click.option(
    "--spacing",
    type=click.Choice(["range", "quantiles"]),
    default="range",
    show_default=True,
    help="Levels divide the range of the defender's scores, or the pictures.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 100),
    default=2.0,
    show_default=True,
    help="Half a level's width, in per cent of that range, or of the pictures.",
)
@click.option("--pairs", type=click.IntRange(min=1), default=1, show_default=True, help="Pairs at each level.")
@click.option("--reverse/--no-reverse", default=True, show_default=True, help="Whether the defender also attacks.")
@click.option("--different-content", is_flag=True, help="No pairs of one group or reference of the manifest.")
@click.option("--lower-is-better", multiple=True, metavar="NAME", help="A player whose scores are so; may be repeated.")
@click.option(
    "--judgements",
    type=click.Path(path_type=Path),
    help="People's opinions of the pairs: table with columns best, worst, preference.",
)
@click.option("--resume", is_flag=True, help="Take up a folder: models' scores in it are kept, all else is made anew.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Patches in one pass of a model."
)
@click.pass_context
def gmad(
    context: click.Context,
    attacker: str | None,
    defender: str | None,
    models: tuple[str, ...],
    data: Path | None,
    output: Path,
    levels: int,
    spacing: str,
    tolerance: float,
    pairs: int,
    reverse: bool,
    different_content: bool,
    lower_is_better: tuple[str, ...],
    judgements: Path | None,
    resume: bool,
    batch_size: int,
) -> None:
    """Let quality models falsify each other: the gMAD competition.

    At each level of the defender, among pictures that it holds to be of nearly equal quality, the attacker chooses those
    that it sets farthest apart. The output folder gets pairs.csv, matrix.csv, summary.json and index.html, which has the
    pictures side by side.

    A score file is CSV, Parquet or JSON lines with a column of pictures (path, image, ...) and one of scores (quality,
    score, mos, dmos, or as named). From score files alone, pictures are needed for index.html only. Without --judgements
    the opinion scores of the manifest, if it has any, judge the pairs.

    Exit status 3 when pictures were left out because a model failed on them or a score is not finite.
    """
    if bool(models) == bool(attacker or defender) or len(models) == 1 or bool(attacker) != bool(defender):
        raise click.UsageError("Give --attacker and --defender, or --model twice or more.")

    from tfiqa.cli.gmad_players import gather_players, read_source
    from tfiqa.errors import StorageError
    from tfiqa.evaluation.gmad import LevelRule, hold_competition, read_judgements, read_playground
    from tfiqa.reports.gmad import PAGE, write_competition

    if data is not None and data.is_dir() and output.resolve().is_relative_to(data.resolve()):
        raise click.UsageError("--output lies in --data, where its small pictures would be taken for competing ones.")
    if not resume and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise StorageError(f"{output} exists already; remove it, choose another name or give --resume")
    sources = [read_source(text) for text in models or (attacker, defender) if text]
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        raise click.UsageError(f"Two players are called {max(names, key=names.count)}; name them: NAME=SOURCE.")
    if not set(lower_is_better) <= set(names):
        raise click.UsageError(f"--lower-is-better takes a name of a player: {', '.join(names)}.")
    if data is None and any(source.file is None for source in sources):
        raise click.UsageError("Models need --data.")
    opinions = None if judgements is None else read_judgements(judgements)
    playground = read_playground(data, sources[0].file)
    if opinions is None:
        playground.opinions()  # scores that cannot judge show before a model has worked for hours
    players, playground, left_out = gather_players(sources, playground, lower_is_better, output, batch_size)
    for one, other in combinations(players, 2):
        if (one.quality == other.quality).all():
            say(f"warning: {one.name} and {other.name} score all pictures alike; neither can falsify the other")
    competition = hold_competition(
        playground,
        players,
        LevelRule(levels, tolerance, spacing),
        pairs=pairs,
        different_content=different_content,
        attacks=None if models or reverse else [(0, 1)],
        judgements=opinions,
    )
    if competition.unmatched:
        say(f"warning: {competition.unmatched} judgements are of none of the pairs")
    settings = {
        "levels": levels,
        "spacing": spacing,
        "tolerance_percent": tolerance,
        "pairs": pairs,
        "different_content": different_content,
    }
    about = {
        "data": str(data) if data else None,
        "root": str(playground.root),
        "sources": {source.name: str(source.path) for source in sources},
        "left_out": {name: asdict(counts) for name, counts in left_out.items()},
        "settings": settings,
        "judgements": str(judgements) if judgements else None,
    }
    not_shown = write_competition(competition, output, about)
    say_some("not shown", [str(error) for error in not_shown])
    say_some("no pairs", _without_pairs(competition.clashes))
    say(f"{output / PAGE}: {len(competition.pairs)} pairs of {len(playground.pictures):,} pictures")
    if any(counts.failed for counts in left_out.values()):
        context.exit(SOME_FAILED)


def _without_pairs(clashes: Sequence[Clash]) -> list[str]:
    """A text for the levels of each attack that lack pairs for the same reason."""
    levels: dict[tuple[str, str, str], list[str]] = {}
    for clash in clashes:
        if not clash.pairs:
            key = clash.attacker.name, clash.defender.name, clash.shortfall
            levels.setdefault(key, []).append(str(clash.level.number))
    return [
        f"{attacker} attacks {defender}, level {', '.join(numbers[:LEVELS_SHOWN])}"
        + (f" and {len(numbers) - LEVELS_SHOWN} more" if len(numbers) > LEVELS_SHOWN else "")
        + f": {reason}"
        for (attacker, defender, reason), numbers in levels.items()
    ]
