"""The attacks: for each level of the defender the pictures that the attacker sets farthest apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.gmad.levels import Level, LevelRule, levels_of
from tfiqa.evaluation.gmad.player import Player


class Pair(NamedTuple):
    """Places of the pictures that the attacker holds to be the best and the worst."""

    best: int
    worst: int


@dataclass(frozen=True, eq=False)
class Clash:
    """An attack at one level of a defender.

    Args:
        attacker, defender: the players.
        level: of the defender.
        pairs: the widest first by the attacker; no picture is in two of them.
        shortfall: why there are fewer pairs than asked for, or empty.
    """

    attacker: Player
    defender: Player
    level: Level
    pairs: tuple[Pair, ...]
    shortfall: str


def compete(
    players: Sequence[Player],
    rule: LevelRule | None = None,
    *,
    pairs: int = 1,
    groups: NDArray[np.integer] | None = None,
    attacks: Iterable[tuple[int, int]] | None = None,
) -> list[Clash]:
    """The gMAD competition (Ma et al. 2020, section 3).

    Args:
        players: two or more, with scores of the same N pictures in the same order. Among equal scores the picture that comes
            first is taken, so that pictures in the order of their names give the same result everywhere.
        rule: the levels; by default `LevelRule()`.
        pairs: how many at each level.
        groups: (N,) a number a picture; pictures of the same number never make a pair.
        attacks: (attacker, defender) as places in `players`; by default all ordered pairs.

    Raises:
        InvalidInput: fewer than two players, equal names, different numbers of pictures, or fewer than one pair.
    """
    names = [player.name for player in players]
    if len(set(names)) < max(len(names), 2):
        raise InvalidInput(f"a competition needs two or more players of different names. Received: {', '.join(names)}")
    counts = {len(player.scores) for player in players} | ({len(groups)} if groups is not None else set())
    if len(counts) > 1:
        raise InvalidInput(f"all players must score the same pictures. Received: {sorted(counts)} scores")
    if pairs < 1:
        raise InvalidInput(f"there must be at least one pair a level. Received: {pairs}")
    levels = [levels_of(player, rule or LevelRule()) for player in players]
    return [
        _clash(players[attacker], players[defender], level, pairs, groups)
        for attacker, defender in (attacks or permutations(range(len(players)), 2))
        for level in levels[defender]
    ]


def extreme_pairs(
    quality: NDArray[np.float64], count: int, groups: NDArray[np.integer] | None = None
) -> list[tuple[int, int]]:
    """The pair of different values that lie farthest apart, then that of the remaining ones, and so on.

    Args:
        quality: (M,) the attacker's, higher is better.
        count: of pairs at most.
        groups: (M,) values of one group make no pair.

    Returns:
        (best, worst) as places; of equal values the first.
    """
    best_first = np.argsort(-quality, kind="stable")
    worst_first = np.argsort(quality, kind="stable")
    free = np.ones(len(quality), bool)
    found: list[tuple[int, int]] = []
    while len(found) < count:
        pair = _widest(quality, best_first[free[best_first]], worst_first[free[worst_first]], groups)
        if pair is None:
            break
        found.append(pair)
        free[list(pair)] = False
    return found


def _widest(
    quality: NDArray[np.float64],
    best_first: NDArray[np.intp],
    worst_first: NDArray[np.intp],
    groups: NDArray[np.integer] | None,
) -> tuple[int, int] | None:
    if not len(best_first):
        return None
    best, worst = int(best_first[0]), int(worst_first[0])
    pairs = [(best, worst)]
    if groups is not None and groups[best] == groups[worst]:
        # Of a pair of two groups, one picture at least is of another group than these two; against it stands the better of them.
        pairs = [(best, int(other)) for other in worst_first[groups[worst_first] != groups[best]][:1]]
        pairs += [(int(other), worst) for other in best_first[groups[best_first] != groups[worst]][:1]]
    apart = [pair for pair in pairs if quality[pair[0]] > quality[pair[1]]]
    return max(apart, key=lambda pair: quality[pair[0]] - quality[pair[1]], default=None)


def _clash(attacker: Player, defender: Player, level: Level, count: int, groups: NDArray[np.integer] | None) -> Clash:
    members = level.members
    found = extreme_pairs(attacker.quality[members], count, None if groups is None else groups[members])
    shortfall = ""
    if not len(members):
        shortfall = "no picture at this level"
    elif len(members) == 1:
        shortfall = "only one picture at this level"
    elif not found:
        shortfall = f"{attacker.name} tells no two of the {len(members)} pictures apart"
    elif len(found) < count:
        shortfall = f"only {len(found)} of {count} pairs among {len(members)} pictures"
    return Clash(attacker, defender, level, tuple(Pair(int(members[b]), int(members[w])) for b, w in found), shortfall)
