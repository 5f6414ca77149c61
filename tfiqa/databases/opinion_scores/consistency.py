"""How far raters agree: sub-groups with each other, subjects with the mean, and the intraclass correlation.

Each figure is of opinions as `mean_opinion.opinions_of` gives them, one row a subject and stimulus.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput

FEWEST_STIMULI = 3  # two points always lie on a line
NO_SPREAD = 1e-9  # of the range of all scores: what rounding leaves of means that are equal

Values = NDArray[np.float64]


@dataclass(frozen=True)
class SubGroupConsistency:
    """Agreement of the mean opinion scores of random halves of the subjects: means and standard deviations (with n - 1)
    over the halvings.

    Args:
        halvings: how many counted; one in which a side is constant or too few stimuli are common does not.
        stimuli: mean number of stimuli with opinions on both sides.
        srcc, srcc_std: Spearman's rank correlation, -1..1.
        plcc, plcc_std: Pearson's.
        mae: mean absolute difference, in units of the scores.
        rmse: root mean square difference.
    """

    halvings: int
    stimuli: float
    srcc: float
    srcc_std: float
    plcc: float
    plcc_std: float
    mae: float
    rmse: float


@dataclass(frozen=True)
class SubjectConsistency:
    """Agreement of single subjects with the mean opinion scores of all: means and standard deviations over subjects.

    Args:
        subjects: how many counted.
        left_out: subjects with fewer than three opinions, or whose opinions, or the means of their stimuli, are equal.
        srcc, srcc_std: Spearman's rank correlation, -1..1; the deviation (with n - 1) is None for one subject.
        plcc, plcc_std: Pearson's.
    """

    subjects: int
    left_out: int
    srcc: float
    srcc_std: float | None
    plcc: float
    plcc_std: float | None


@dataclass(frozen=True)
class IntraclassCorrelations:
    """Intraclass correlation coefficients (Shrout and Fleiss, 1979); at most 1, and below 0 by chance.

    Args:
        k: opinions a stimulus; where their numbers differ, the effective one of `intraclass_correlations`.
        icc_1_1: reliability of one opinion, raters drawn anew for each stimulus (one-way random effects).
        icc_1_k: of the mean of k opinions, likewise.
        icc_2_1, icc_2_k: raters drawn once, agreement in absolute terms (two-way random effects). These and the next are
            None unless each subject has an opinion of each stimulus.
        icc_3_1, icc_3_k: exactly these raters, agreement but for their offsets (two-way mixed effects).
    """

    k: float
    icc_1_1: float
    icc_1_k: float
    icc_2_1: float | None = None
    icc_2_k: float | None = None
    icc_3_1: float | None = None
    icc_3_k: float | None = None


def sub_group_consistency(opinions: pd.DataFrame, halves: int = 25, seed: int = 0) -> SubGroupConsistency:
    """Correlates the means of two random halves of the subjects, repeatedly.

    SPAQ (supplement 2.2) and PaQ-2-PiQ (section 3.4) report the mean of 25 such divisions; DeepFL-IQA (section III-C)
    reports the errors too, of groups that it draws otherwise. With an odd number of subjects one half has one more. Only
    stimuli with opinions in both halves count.

    Args:
        opinions: the study.
        halves: how many random divisions, at least 2.
        seed: of the divisions; they do not depend on the order of the rows.

    Raises:
        InvalidInput: fewer than 2 divisions, or the figures are undefined; the text says why.
    """
    if halves < 2:
        raise InvalidInput(f"sub-group consistency needs at least 2 halvings. Received: {halves}")
    subject, subjects = pd.factorize(opinions["subject"], sort=True)
    stimulus, stimuli = pd.factorize(opinions["stimulus"])
    scores = opinions["score"].to_numpy()
    if len(subjects) < 2:
        raise InvalidInput("it takes two subjects at least")
    random = np.random.default_rng(seed)
    means = []
    for _ in range(halves):
        in_first = np.zeros(len(subjects), bool)
        in_first[random.permutation(len(subjects))[: len(subjects) // 2]] = True
        sides = [in_first[subject], ~in_first[subject]]
        pair = np.array([_means(stimulus[side], scores[side], len(stimuli)) for side in sides])
        common = pair[:, ~np.isnan(pair).any(axis=0)]
        if common.shape[1] >= FEWEST_STIMULI and (np.ptp(common, axis=1) > 0).all():
            means.append(common)
    if len(means) < 2:
        raise InvalidInput(
            f"in {halves - len(means)} of {halves} halvings fewer than {FEWEST_STIMULI} stimuli have opinions on both "
            "sides, or a side's means are all equal"
        )
    sizes = np.array([common.shape[1] for common in means])
    halving = np.repeat(np.arange(len(means)), sizes)
    x, y = np.concatenate(means, axis=1)
    srcc, plcc = _grouped_spearman(x, y, halving), _grouped_pearson(x, y, halving)
    return SubGroupConsistency(
        halvings=len(means),
        stimuli=float(sizes.mean()),
        srcc=float(srcc.mean()),
        srcc_std=float(srcc.std(ddof=1)),
        plcc=float(plcc.mean()),
        plcc_std=float(plcc.std(ddof=1)),
        mae=float(np.mean(np.bincount(halving, np.abs(x - y)) / sizes)),
        rmse=float(np.mean(np.sqrt(np.bincount(halving, (x - y) ** 2) / sizes))),
    )


def subject_consistency(opinions: pd.DataFrame) -> SubjectConsistency:
    """Correlates each subject's opinions with the mean opinion scores of all subjects, as SPAQ (supplement 2.2).

    The mean includes the subject's own opinion, as there; with few subjects that raises the figure.

    Raises:
        InvalidInput: no subject has three opinions that vary, on stimuli whose means vary.
    """
    subject, subjects = pd.factorize(opinions["subject"])
    stimulus, stimuli = pd.factorize(opinions["stimulus"])
    scores = opinions["score"].to_numpy()
    means = _means(stimulus, scores, len(stimuli))[stimulus]
    enough = np.bincount(subject, minlength=len(subjects)) >= FEWEST_STIMULI
    srcc, plcc = _grouped_spearman(scores, means, subject), _grouped_pearson(scores, means, subject)
    counts = enough & ~np.isnan(plcc)
    if not counts.any():
        raise InvalidInput(
            f"no subject has {FEWEST_STIMULI} opinions that differ, of stimuli whose mean opinion scores differ"
        )

    def spread(values: Values) -> float | None:
        return float(values.std(ddof=1)) if len(values) > 1 else None

    srcc, plcc = srcc[counts], plcc[counts]
    left_out = len(subjects) - len(plcc)
    return SubjectConsistency(len(plcc), left_out, float(srcc.mean()), spread(srcc), float(plcc.mean()), spread(plcc))


def intraclass_correlations(opinions: pd.DataFrame) -> IntraclassCorrelations:
    """Intraclass correlation coefficients from the mean squares of an analysis of variance (Shrout and Fleiss, 1979).

    For unequal numbers n_i of opinions, N in all of m stimuli, k = (N - sum n_i^2 / N) / (m - 1).

    DeepFL-IQA (section III-C) reports 0.66 for KADID-10k and not which form. Thousands of workers rated 30 times each
    stimulus, so that only the one-way forms apply; and 0.66 for one opinion gives 0.983 for the mean of 30 (Spearman and
    Brown), which agrees with the correlation of 0.982 between groups there: it is ICC(1,1).

    Raises:
        InvalidInput: fewer than two stimuli, none with two opinions, or all means equal.
    """
    stimulus, stimuli = pd.factorize(opinions["stimulus"])
    scores = opinions["score"].to_numpy()
    n = np.bincount(stimulus)
    total, m = len(scores), len(stimuli)
    if m < 2 or total == m:
        raise InvalidInput("it takes two stimuli at least, and two opinions of one of them")
    means = _means(stimulus, scores, m)
    between = float(n @ (means - scores.mean()) ** 2) / (m - 1)
    within_squares = float(np.sum((scores - means[stimulus]) ** 2))
    within = within_squares / (total - m)
    if np.ptp(means) <= NO_SPREAD * np.ptp(scores):
        raise InvalidInput("the mean opinion scores of all stimuli are equal")
    k = (total - float(n @ n) / total) / (m - 1)
    one_way = IntraclassCorrelations(
        k, icc_1_1=(between - within) / (between + (k - 1) * within), icc_1_k=(between - within) / between
    )
    subject, subjects = pd.factorize(opinions["subject"])
    judges = len(subjects)
    if judges < 2 or total != m * judges:
        return one_way
    judge_squares = m * float(np.sum((_means(subject, scores, judges) - scores.mean()) ** 2))
    rest = (within_squares - judge_squares) / ((m - 1) * (judges - 1))
    bias = (judge_squares / (judges - 1) - rest) / m
    signal = between - rest
    return replace(
        one_way,
        icc_2_1=signal / (between + (judges - 1) * rest + judges * bias),
        icc_2_k=signal / (between + bias),
        icc_3_1=signal / (between + (judges - 1) * rest),
        icc_3_k=signal / between,
    )


def _means(codes: NDArray[np.int64], scores: Values, groups: int) -> Values:
    """The mean score of each group, NaN for a group without any."""
    with np.errstate(invalid="ignore"):
        return np.bincount(codes, scores, groups) / np.bincount(codes, minlength=groups)


def _grouped_pearson(x: Values, y: Values, groups: NDArray[np.int64]) -> Values:
    """Pearson's coefficient within each group 0, 1, ...; NaN where a side is constant."""
    table = pd.DataFrame({"x": x, "y": y})
    by_group = table.groupby(groups)
    varies = (by_group.max() > by_group.min()).all(axis="columns").to_numpy()
    centred = table - by_group.transform("mean")
    products = np.bincount(groups, centred["x"] * centred["y"])
    squares = np.bincount(groups, centred["x"] ** 2) * np.bincount(groups, centred["y"] ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(varies, np.clip(products / np.sqrt(squares), -1, 1), np.nan)


def _grouped_spearman(x: Values, y: Values, groups: NDArray[np.int64]) -> Values:
    """Spearman's coefficient within each group, ties at their average rank; NaN where a side is constant."""
    ranks = pd.DataFrame({"x": x, "y": y}).groupby(groups).rank()
    return _grouped_pearson(ranks["x"].to_numpy(), ranks["y"].to_numpy(), groups)
