"""The competition as tables: a row a pair, a row an attack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfiqa.evaluation.gmad.competition import Clash

PAIR_COLUMNS = (
    "attacker",
    "defender",
    "level",
    "level_low",
    "level_high",
    "pictures",
    "place",
    "best",
    "worst",
    "attacker_best",
    "attacker_worst",
    "attacker_difference",
    "attacker_deviations",
    "attacker_percentiles",
    "defender_best",
    "defender_worst",
    "defender_difference",
    "defender_deviations",
)
# All others are float64. Names are objects, since file names need not be UTF-8 and pandas' own text must be.
KINDS = {
    **dict.fromkeys(("attacker", "defender", "best", "worst"), np.object_),
    **dict.fromkeys(("level", "pictures", "place"), np.int64),
}


def pairs_table(clashes: Sequence[Clash], pictures: Sequence[str]) -> pd.DataFrame:
    """A row a pair.

    Args:
        clashes: as `compete` gives them.
        pictures: (N,) names.

    Returns:
        The columns `PAIR_COLUMNS`: who attacks whom at which level (1 is the lowest quality), its bounds and number of
        pictures; which pair of the level (place 1 is the widest); the pictures that the attacker holds to be best and worst; the
        scores of both by both, on their own scales. A difference is positive where the score says as the attacker
        that `best` looks better. Deviations are differences in standard deviations of the player's scores over all
        pictures; percentiles in per cent of all pictures.
    """
    rows = []
    for clash in clashes:
        attacker, defender, level = clash.attacker, clash.defender, clash.level
        for place, pair in enumerate(clash.pairs, start=1):
            best, worst = pair
            gap, defended = (float(player.quality[best] - player.quality[worst]) for player in (attacker, defender))
            percentiles = attacker.percentile(attacker.quality[[best, worst]])
            rows.append(
                (
                    attacker.name,
                    defender.name,
                    level.number,
                    level.low,
                    level.high,
                    len(level.members),
                    place,
                    pictures[best],
                    pictures[worst],
                    attacker.scores[best],
                    attacker.scores[worst],
                    gap,
                    gap / attacker.deviation,
                    percentiles[0] - percentiles[1],
                    defender.scores[best],
                    defender.scores[worst],
                    defended,
                    defended / defender.deviation,
                )
            )
    kinds = {column: KINDS.get(column, np.float64) for column in PAIR_COLUMNS}
    return pd.DataFrame(rows, columns=pd.Index(PAIR_COLUMNS), dtype=object).astype(kinds)


def attacks_table(clashes: Sequence[Clash], pairs: pd.DataFrame) -> pd.DataFrame:
    """A row an attack: the pairs of all levels together.

    Each level counts as its share of the pictures at all levels, as in the authors' code, where its pairs count alike.

    Args:
        clashes: as `compete` gives them.
        pairs: of `pairs_table`, perhaps with the column `preference` (NaN where nobody judged).

    Returns:
        attacker, defender, levels (with pairs), pairs; from scores alone attacker_deviations, attacker_percentiles and
        defender_deviations (absolute): how far apart the two set the pictures. They say how much the two disagree, not who
        is right. With `preference`: judged (pairs), aggressiveness and resistance.

        aggressiveness a_ij of attacker i on defender j, -100..100: the mean preference for what i holds to be better; high
        where people see the differences that j denies. resistance r_ji of defender j to attacker i, 0..100: 100 less the
        mean absolute preference; 100 where people see none either. NaN where nobody judged.
    """
    rows = []
    met = dict.fromkeys((clash.attacker.name, clash.defender.name) for clash in clashes)
    for attacker, defender in met:
        own = pairs[(pairs["attacker"] == attacker) & (pairs["defender"] == defender)]
        row = {"attacker": attacker, "defender": defender, "levels": own["level"].nunique(), "pairs": len(own)}
        for column in ("attacker_deviations", "attacker_percentiles", "defender_deviations"):
            row[column] = _over_levels(own, own[column].abs())
        if "preference" in own:
            judged = own[own["preference"].notna()]
            row["judged"] = len(judged)
            row["aggressiveness"] = _over_levels(judged, judged["preference"])
            row["resistance"] = _over_levels(judged, 100 - judged["preference"].abs())
        rows.append(row)
    return pd.DataFrame(rows)


def _over_levels(pairs: pd.DataFrame, values: pd.Series) -> float:
    """The mean of the levels' means, weighted by the levels' pictures."""
    if pairs.empty:
        return float("nan")
    means = values.groupby(pairs["level"]).mean()
    weights = pairs.groupby("level")["pictures"].first()
    return float(np.average(means, weights=weights))
