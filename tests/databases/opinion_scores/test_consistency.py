import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tfiqa.databases.opinion_scores import (
    intraclass_correlations,
    opinions_of,
    ratings_from_table,
    sub_group_consistency,
    subject_consistency,
)
from tfiqa.errors import InvalidInput

# Shrout and Fleiss, Intraclass correlations: uses in assessing rater reliability, Psychological Bulletin 86, 1979,
# table 2: six targets (rows) by four judges.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def opinions(targets_by_judges):
    rows = [(f"j{j}", f"t{t}", score) for t, row in enumerate(targets_by_judges) for j, score in enumerate(row)]
    table = pd.DataFrame(rows, columns=["subject", "stimulus", "score"]).dropna()
    return opinions_of(ratings_from_table(table))


def test_icc_of_the_textbook():
    icc = intraclass_correlations(opinions(SHROUT_FLEISS))
    assert icc.k == 4
    single, mean = (icc.icc_1_1, icc.icc_2_1, icc.icc_3_1), (icc.icc_1_k, icc.icc_2_k, icc.icc_3_k)
    assert [round(value, 2) for value in single] == [0.17, 0.29, 0.71]
    assert [round(value, 2) for value in mean] == [0.44, 0.62, 0.91]


def test_icc_of_unequal_numbers_by_hand():
    """Three stimuli of 3, 2 and 1 opinions: (1, 2, 3), (5, 7), (9)."""
    icc = intraclass_correlations(opinions([[1, 2, 3], [5, 7, np.nan], [9, np.nan, np.nan]]))
    between = (3 * (2 - 4.5) ** 2 + 2 * (6 - 4.5) ** 2 + (9 - 4.5) ** 2) / 2
    within = (1 + 0 + 1 + 1 + 1 + 0) / 3
    k = (6 - (9 + 4 + 1) / 6) / 2
    assert icc.k == pytest.approx(k)
    assert icc.icc_1_1 == pytest.approx((between - within) / (between + (k - 1) * within))
    assert icc.icc_1_k == pytest.approx(k * icc.icc_1_1 / (1 + (k - 1) * icc.icc_1_1))  # Spearman and Brown
    assert icc.icc_2_1 is icc.icc_3_k is None


@pytest.mark.parametrize("reliability", [0.2, 0.66])
def test_icc_recovers_the_planted_reliability(reliability):
    """The share of the truth in the variance, with other raters for every stimulus and unequal numbers of them."""
    random = np.random.default_rng(0)
    stimulus = np.repeat(np.arange(1500), random.integers(5, 25, 1500))
    truth = random.normal(0, 10 * np.sqrt(reliability), 1500)
    scores = 50 + truth[stimulus] + random.normal(0, 10 * np.sqrt(1 - reliability), len(stimulus))
    subject = random.permutation(len(stimulus)) % 5000
    frame = pd.DataFrame({"subject": subject, "stimulus": stimulus, "score": scores})
    assert intraclass_correlations(frame.drop_duplicates(["subject", "stimulus"])).icc_1_1 == pytest.approx(
        reliability, abs=0.02
    )


def test_deepfl_reports_the_single_form():
    """0.66 for one opinion is 0.98 for the mean of 30, the correlation that the paper gives between groups."""
    assert round(30 * 0.66 / (1 + 29 * 0.66), 2) == 0.98


@pytest.mark.parametrize(
    ("table", "why"),
    [([[1, 2]], "two stimuli"), ([[1], [2]], "two opinions"), ([[1, 2], [2, 1]], "equal"), ([[5, 5], [5, 5]], "equal")],
)
def test_icc_undefined(table, why):
    with pytest.raises(InvalidInput, match=why):
        intraclass_correlations(opinions(table))


def test_halves_of_an_honest_study_agree(simulate):
    """The correlation of two means of 30 opinions: V / (V + (noise^2 + bias^2) / 30), V the variance of the truth."""
    study = simulate(0, repeats=0)
    figures = sub_group_consistency(opinions_of(ratings_from_table(study.table)))
    variance = study.truth.var()
    assert figures.plcc == pytest.approx(variance / (variance + 40 / 30), abs=0.001)
    assert figures.srcc > 0.99
    assert 0 < figures.srcc_std < 0.01
    assert (figures.halvings, figures.stimuli) == (25, 80)
    assert figures.rmse == pytest.approx(np.sqrt(2 * 40 / 30), rel=0.1)
    assert figures.mae == pytest.approx(figures.rmse * np.sqrt(2 / np.pi), rel=0.1)


def test_halves_of_noise_do_not_agree(simulate):
    table = simulate(0, honest=0, clickers=40, stimuli=400, repeats=0).table
    figures = sub_group_consistency(opinions_of(ratings_from_table(table)))
    assert abs(figures.srcc) < 0.08
    assert abs(figures.plcc) < 0.08


def test_one_halving_against_scipy(simulate):
    """Two subjects have only one halving; the order of its sides does not matter."""
    table = simulate(3, honest=2, repeats=0, noise=30).table
    figures = sub_group_consistency(opinions_of(ratings_from_table(table)), halves=3)
    one, other = (frame.set_index("stimulus")["score"] for _, frame in table.groupby("subject"))
    other = other[one.index]
    assert figures.srcc == pytest.approx(stats.spearmanr(one, other).statistic)
    assert figures.plcc == pytest.approx(stats.pearsonr(one, other).statistic)
    assert figures.srcc_std == pytest.approx(0, abs=1e-12)
    assert figures.rmse == pytest.approx(np.sqrt(np.mean((one - other) ** 2)))


def test_halves_depend_on_the_seed_and_not_on_the_order_of_rows(simulate):
    table = simulate(0, honest=9, noise=20, repeats=0).table
    shuffled = table.sample(frac=1, random_state=1)
    first, again, other = (
        sub_group_consistency(opinions_of(ratings_from_table(frame)), seed=seed)
        for frame, seed in ((table, 0), (shuffled, 0), (table, 1))
    )
    assert again.srcc == pytest.approx(first.srcc, abs=1e-12)
    assert other.srcc != pytest.approx(first.srcc, abs=1e-6)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ([[1], [2], [3]], "two subjects"),
        ([[1, 2], [2, 3]], "fewer than 3 stimuli"),
        ([[5, 1], [5, 2], [5, 3]], "all equal"),
        ([[1, np.nan], [2, np.nan], [np.nan, 3], [np.nan, 4]], "both sides"),
    ],
)
def test_halves_undefined(table, why):
    with pytest.raises(InvalidInput, match=why):
        sub_group_consistency(opinions(table))


def test_halvings_are_at_least_two():
    with pytest.raises(InvalidInput, match="at least 2 halvings"):
        sub_group_consistency(opinions(SHROUT_FLEISS), halves=1)


def test_subjects_against_scipy():
    frame = opinions(SHROUT_FLEISS)
    figures = subject_consistency(frame)
    scores = np.array(SHROUT_FLEISS, float)
    srcc = [stats.spearmanr(scores[:, judge], scores.mean(axis=1)).statistic for judge in range(4)]
    plcc = [stats.pearsonr(scores[:, judge], scores.mean(axis=1)).statistic for judge in range(4)]
    assert (figures.srcc, figures.srcc_std) == pytest.approx((np.mean(srcc), np.std(srcc, ddof=1)))
    assert (figures.plcc, figures.plcc_std) == pytest.approx((np.mean(plcc), np.std(plcc, ddof=1)))
    assert (figures.subjects, figures.left_out) == (4, 0)


def test_subjects_who_cannot_be_correlated_are_left_out():
    extra = [[*row, 5, score] for row, score in zip(SHROUT_FLEISS, [1, 2, *[np.nan] * 4], strict=True)]
    figures = subject_consistency(opinions(extra))
    assert (figures.subjects, figures.left_out) == (4, 2)


def test_one_subject_has_no_spread():
    figures = subject_consistency(opinions([[1], [2], [3]]))
    assert (figures.srcc, figures.srcc_std, figures.plcc_std) == (1, None, None)


def test_subjects_undefined():
    with pytest.raises(InvalidInput, match="no subject has 3 opinions that differ"):
        subject_consistency(opinions([[5, 1], [5, 2], [5, np.nan]]))


def test_subjects_of_noise_agree_only_through_their_own_share(simulate):
    """Each of n independent raters correlates with the mean of all by 1 / sqrt(n)."""
    table = simulate(0, honest=0, clickers=25, stimuli=400, repeats=0).table
    assert subject_consistency(opinions_of(ratings_from_table(table))).plcc == pytest.approx(0.2, abs=0.03)
