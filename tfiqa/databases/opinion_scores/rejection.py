"""Which ratings and sessions do not count: outliers, inconsistent repeats, raters who do not rate.

All rules look at the ratings as they were given, once: what one rule removes does not change what another sees, so that
their order does not matter, and nothing is iterated (BT.500 forbids it). Repeats count as ratings of their own here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.opinion_scores.ratings import Ratings
from tfiqa.errors import UnknownName
from tfiqa.registry import unknown_name

METHODS = ("spaq", "bt500", "paq2piq", "none")

# ITU-R BT.500, screening of the observers.
NORMAL_KURTOSIS = (2.0, 4.0)
NORMAL_WIDTH = 2.0  # standard deviations about the mean, where the scores of a stimulus look normal
OTHER_WIDTH = np.sqrt(20.0)  # and where they do not
BT500_SHARE = 0.05  # of an observer's ratings beyond the widths ...
BT500_BALANCE = 0.3  # ... with |P - Q| / (P + Q) below this: erratic, not merely severe or mild
FEWEST_FOR_OUTLIERS = 6  # (n - 1) / sqrt(n), the largest possible deviation, is below NORMAL_WIDTH for fewer ratings
# SPAQ (Fang et al., 2020), supplement 2.1.
SPAQ_SHARE = 0.1  # more than 8 of a session's 80 ratings
SPAQ_DIFFERENCE = 0.2  # of the rating scale: 20 on 0..100
SPAQ_INCONSISTENT = 3  # more than these repeated stimuli
ROUNDING = 1e-9  # of the scale: in binary 0.9 - 0.7 is more than 0.2
# PaQ-2-PiQ (Ying et al., 2020), section 3.4.
PAQ2PIQ_IDENTICAL = 0.5
# Ours: fewer equal ratings happen to honest raters too, above all on scales of five grades.
FEWEST_TO_JUDGE_VARIETY = 10


@dataclass(frozen=True, eq=False)
class Rejection:
    """What does not count, and why.

    Args:
        method: the rules used.
        outlier: (N,) ratings too far from their stimulus's mean; all False for a method without that rule.
        inconsistent: (N,) ratings of stimuli whose repeats in the session disagree.
        in_removed_session: (N,) ratings of sessions that are out as a whole.
        sessions: one row a session: `subject`, `session`, `ratings`, `above` and `below` (outliers on either side),
            `repeated` (stimuli), `inconsistent` (of these), `mean_difference` (of the repeats; NaN without any),
            `identical` (share of the commonest score), `reason` (why it is out; empty where it stays).
    """

    method: str
    outlier: NDArray[np.bool_]
    inconsistent: NDArray[np.bool_]
    in_removed_session: NDArray[np.bool_]
    sessions: pd.DataFrame

    @property
    def keep(self) -> NDArray[np.bool_]:
        """(N,) the ratings that count."""
        return ~(self.outlier | self.inconsistent | self.in_removed_session)

    @property
    def removed_sessions(self) -> pd.DataFrame:
        """The rows of `sessions` that are out."""
        return self.sessions[self.sessions["reason"] != ""]


def reject(ratings: Ratings, method: str = "spaq") -> Rejection:
    """Finds the ratings and sessions that do not count.

    "spaq" (supplement 2.1): a rating outside mean +- n standard deviations of its stimulus is removed, and a session with
    more than 10 % of such ratings is out. Ratings of a stimulus that the session holds repeatedly are removed when the
    largest and smallest differ by more than a fifth of the scale (on five grades: at all); with more than three such
    stimuli the session is out.

    "bt500" (ITU-R BT.500): an observer is out, with all sessions, when more than 5 % of the ratings lie n standard
    deviations or more from the mean, about as often above (P) as below (Q): |P - Q| / (P + Q) < 0.3. Single ratings stay.

    "paq2piq" (section 3.4): a session is out when more than half of its scores are identical, or when its repeats differ
    by more, on average, than the standard deviation of all ratings of the study. The paper names the two quantities and
    not how they are compared; the average is our reading. Meant for continuous scales.

    "none": everything counts.

    All but "none" also take out a session of at least ten ratings that are all identical: it says nothing of the
    stimuli. The papers leave it open over what the mean, the standard deviation (here with n - 1, as in BT.500) and the
    kurtosis (m4 / m2^2, normal within 2..4) are taken: here over all ratings of the stimulus. A lone rating cannot lie
    further than (n - 1) / sqrt(n) deviations from the mean of n, so that none is an outlier among fewer than 6, nor,
    where the kurtosis says not normal (as one far-off rating alone makes it), among fewer than 22.

    Removing single outliers cuts honest tails too: in simulated studies of 30 honest raters the 95 % intervals of what
    "spaq" leaves hold the truth in about 90 of 100 cases, those of all ratings in 95.

    Raises:
        UnknownName: no such method.
    """
    if method not in METHODS:
        raise UnknownName(unknown_name("rejection", method, METHODS))
    grouped = ratings.table.groupby(["subject", "session"], observed=True)
    session = np.asarray(grouped.ngroup(), np.int64)
    widths = deviations(ratings)
    beyond = np.abs(widths) >= 1 if method == "bt500" else np.abs(widths) > 1
    difference, is_first = _repeat_differences(ratings, session)
    apart = difference > (SPAQ_DIFFERENCE + ROUNDING) * (ratings.high - ratings.low)
    repeated = is_first & ~np.isnan(difference)

    def count(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(session[rows], minlength=grouped.ngroups)

    facts = grouped.size().rename("ratings").reset_index()
    facts["above"] = count(beyond & (widths > 0))
    facts["below"] = count(beyond & (widths < 0))
    facts["repeated"] = count(repeated)
    facts["inconsistent"] = count(repeated & apart)
    facts["mean_difference"] = pd.Series(difference[repeated]).groupby(session[repeated]).mean().reindex(facts.index)
    commonest = ratings.table.groupby([session, "score"]).size().groupby(level=0).max()
    facts["identical"] = commonest / facts["ratings"]
    facts["reason"] = _reasons(facts, ratings, method)
    nothing = np.zeros(len(ratings), bool)
    return Rejection(
        method,
        outlier=beyond if method == "spaq" else nothing,
        inconsistent=apart if method == "spaq" else nothing,
        in_removed_session=(facts["reason"] != "").to_numpy()[session],
        sessions=facts,
    )


def deviations(ratings: Ratings) -> NDArray[np.float64]:
    """How far each rating lies from its stimulus's mean, (N,), signed: 1 is the width that BT.500 allows.

    The width is 2 standard deviations where the kurtosis of the stimulus's ratings lies within 2..4, else sqrt(20). 0 where
    there is no deviation: a lone rating, or all are equal.
    """
    stimulus, scores = ratings.codes("stimulus"), ratings.scores
    n = np.bincount(stimulus)
    offset = scores - (np.bincount(stimulus, scores) / n)[stimulus]
    squares = np.bincount(stimulus, offset**2)
    with np.errstate(invalid="ignore", divide="ignore"):  # a lone rating, or all equal
        kurtosis = np.bincount(stimulus, offset**4) * n / squares**2
        width = np.where((kurtosis >= NORMAL_KURTOSIS[0]) & (kurtosis <= NORMAL_KURTOSIS[1]), NORMAL_WIDTH, OTHER_WIDTH)
        return np.nan_to_num(offset / (width * np.sqrt(squares / (n - 1)))[stimulus], nan=0.0)


def _repeat_differences(ratings: Ratings, session: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Largest less smallest score that the rating's session holds of its stimulus, (N,), NaN where it is the only one;
    and which rating is the first of its session and stimulus."""
    stimulus = ratings.codes("stimulus")
    pair = session * (stimulus.max() + 1) + stimulus
    scores = ratings.table["score"].groupby(pair)
    difference = scores.transform("max") - scores.transform("min")
    is_first = ~pd.Series(pair).duplicated().to_numpy()
    return difference.where(scores.transform("size") > 1).to_numpy(), is_first


def _reasons(facts: pd.DataFrame, ratings: Ratings, method: str) -> list[str]:
    """For each session why it is out, or an empty text."""
    totals = facts.groupby("subject", observed=True)[["ratings", "above", "below"]].transform("sum")
    spread = float(np.std(ratings.scores, ddof=1)) if len(ratings) > 1 else np.inf
    allowed = SPAQ_DIFFERENCE * (ratings.high - ratings.low)
    rows = zip(facts.itertuples(), totals.itertuples(), strict=True)
    return ["; ".join(_why_out(method, session, observer, allowed, spread)) for session, observer in rows]


def _why_out(method: str, session: Any, observer: Any, allowed: float, spread: float) -> Iterator[str]:
    """The rules that a session breaks; `observer` has the counts over all sessions of its subject."""
    outliers, beyond = session.above + session.below, observer.above + observer.below
    if method == "spaq":
        if outliers / session.ratings > SPAQ_SHARE:
            yield f"{outliers} of {session.ratings} ratings are outliers (allowed: {_percent(SPAQ_SHARE)})"
        if session.inconsistent > SPAQ_INCONSISTENT:
            yield (
                f"{session.inconsistent} of {session.repeated} repeated stimuli rated more than {allowed:g} apart "
                f"(allowed: {SPAQ_INCONSISTENT})"
            )
    if (
        method == "bt500"
        and beyond / observer.ratings > BT500_SHARE
        and abs(observer.above - observer.below) / beyond < BT500_BALANCE
    ):
        yield (
            f"{observer.above} ratings far above and {observer.below} far below the mean, of the subject's "
            f"{observer.ratings} (allowed: {_percent(BT500_SHARE)}, unless mostly on one side)"
        )
    if method == "paq2piq" and session.mean_difference > spread:
        yield (
            f"its {session.repeated} repeated stimuli differ by {session.mean_difference:.4g} on average "
            f"(allowed: {spread:.4g}, the standard deviation of all ratings)"
        )
    is_monotonous = session.identical == 1 or (method == "paq2piq" and session.identical > PAQ2PIQ_IDENTICAL)
    if method != "none" and is_monotonous and session.ratings >= FEWEST_TO_JUDGE_VARIETY:
        yield f"{_percent(session.identical)} of its {session.ratings} ratings are identical"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
