"""Mean opinion scores with their standard deviation and 95 % interval, of scores as given or of Z-scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from tfiqa.databases.opinion_scores.ratings import Ratings

CONFIDENCE = 0.95
Z_SCALE = (0.0, 100.0)  # PaQ-2-PiQ, section 3.4
NO_SPREAD = 1e-9  # in Z-scores: what rounding leaves of means that are equal


def opinions_of(ratings: Ratings, keep: NDArray[np.bool_] | None = None) -> pd.DataFrame:
    """One row a subject and stimulus: `subject`, `stimulus`, `score`.

    An observer has one opinion of a stimulus, the mean of all his or her ratings of it: repeats are no further observers,
    and counted as such they would make the interval of the mean too narrow.

    Args:
        ratings: the study.
        keep: (N,) the ratings that count; all by default.
    """
    table = ratings.table if keep is None else ratings.table[keep]
    return table.groupby(["subject", "stimulus"], observed=True, sort=False)["score"].mean().reset_index()


def mean_opinion_scores(opinions: pd.DataFrame) -> pd.DataFrame:
    """Mean opinion scores, one row a stimulus that has any opinion, index `stimulus`.

    Columns: `score` (the mean), `score_std` (standard deviation of the opinions, with n - 1), `ci95` (half the width of the
    95 % interval of the mean, t(0.975, n - 1) * std / sqrt(n) with Student's t; BT.500 has 1.96 in the place of t, which is
    too narrow for few observers), `ratings` (n, the opinions). A lone opinion has neither deviation nor interval: NaN.

    Args:
        opinions: as `opinions_of` gives them.
    """
    scores = opinions.groupby("stimulus", observed=True)["score"]
    n, std = scores.size(), scores.std()
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)
    return pd.DataFrame({"score": scores.mean(), "score_std": std, "ci95": quantile * std / np.sqrt(n), "ratings": n})


def z_score_opinions(opinions: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The opinions as Z-scores on 0..100, and the subjects that have none, one text each with the reason.

    Each subject's opinions, over all sessions, get mean 0 and standard deviation 1 (with n - 1), as in PaQ-2-PiQ (Ying et
    al., 2020, section 3.4): what a subject shifts or stretches is gone, and so is what sets the stimuli that he or she was
    shown apart from those of others. They are then scaled linearly so that the lowest stimulus mean is 0 and the highest
    100: the paper says only "scaled to [0, 100]", and FLIVE's published scores reach exactly 0 about a mean of 72. Single
    opinions may lie beyond.

    A subject with one opinion, or with equal ones, has no Z-scores. There are no opinions at all, no row, where fewer than
    two stimuli differ in mean.

    Args:
        opinions: as `opinions_of` gives them.
    """
    by_subject = opinions.groupby("subject", observed=True)["score"]
    counts, is_flat = by_subject.size(), by_subject.max() == by_subject.min()
    without = [
        f"{subject}: " + ("only one opinion" if counts[subject] == 1 else f"all {counts[subject]} opinions are equal")
        for subject in counts.index[is_flat]
    ]
    z = (opinions["score"] - by_subject.transform("mean")) / by_subject.transform("std")
    scored = opinions.assign(score=z)[by_subject.transform("max") > by_subject.transform("min")]
    means = scored.groupby("stimulus", observed=True)["score"].mean()
    if means.empty or means.max() - means.min() < NO_SPREAD:
        return scored.iloc[:0], without
    low, high = Z_SCALE
    scaled = low + (high - low) * (scored["score"] - means.min()) / (means.max() - means.min())
    return scored.assign(score=scaled), without
