"""A whole competition: from scores to tables, judgements and rankings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from tfiqa.evaluation.gmad.competition import Clash, compete
from tfiqa.evaluation.gmad.judgements import judged_pairs, opinion_pairs
from tfiqa.evaluation.gmad.levels import LevelRule
from tfiqa.evaluation.gmad.player import Player
from tfiqa.evaluation.gmad.playground import Playground
from tfiqa.evaluation.gmad.ranking import Ranking, global_ranking
from tfiqa.evaluation.gmad.tables import attacks_table, pairs_table

PEOPLE, OPINIONS = (
    "judgements of the pairs",
    "opinion scores of the single pictures, differences in per cent of their scale",
)


@dataclass(frozen=True, eq=False)
class Competition:
    """What `hold_competition` found.

    Args:
        playground: the pictures.
        players: with scores of them.
        clashes: every attack at every level.
        pairs: table, a row a pair; with `preference` where people judged.
        attacks: table, a row an attack.
        judged_by: PEOPLE, OPINIONS, or None where nothing but the players' own scores is known.
        ranking: the global one, where every player's attack on every other was judged.
        unmatched: judgements that are of none of the pairs.
    """

    playground: Playground
    players: tuple[Player, ...]
    clashes: tuple[Clash, ...]
    pairs: pd.DataFrame
    attacks: pd.DataFrame
    judged_by: str | None
    ranking: Ranking | None
    unmatched: int


def hold_competition(
    playground: Playground,
    players: Sequence[Player],
    rule: LevelRule | None = None,
    *,
    pairs: int = 1,
    different_content: bool = False,
    attacks: Iterable[tuple[int, int]] | None = None,
    judgements: pd.DataFrame | None = None,
) -> Competition:
    """Lets players compete and judges what they found.

    Args:
        playground: its manifest's opinion scores judge the pairs, if it has any and `judgements` does not.
        players: two or more, with a score of every picture in the playground's order.
        rule, pairs, attacks: as in `compete`.
        different_content: no pairs of one group or reference.
        judgements: of `read_judgements`.

    Raises InvalidInput as `compete` and `Playground.groups`, ManifestError as `Playground.opinions`.
    """
    groups = playground.groups() if different_content else None
    clashes = compete(players, rule, pairs=pairs, groups=groups, attacks=attacks)
    table, judged_by, unmatched = pairs_table(clashes, playground.pictures), None, 0
    if judgements is not None:
        table, unmatched = judged_pairs(table, judgements)
        judged_by = PEOPLE
    elif (opinions := playground.opinions()) is not None:
        table = opinion_pairs(table, opinions)
        judged_by = OPINIONS
    summary = attacks_table(clashes, table)
    ranking = global_ranking([player.name for player in players], summary)
    return Competition(playground, tuple(players), tuple(clashes), table, summary, judged_by, ranking, unmatched)
