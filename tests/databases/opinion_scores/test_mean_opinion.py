import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tfiqa.databases.opinion_scores import (
    mean_opinion_scores,
    opinions_of,
    ratings_from_table,
    run_study,
    z_score_opinions,
)


def opinions(table):
    return opinions_of(ratings_from_table(table))


def crossed(scores):
    """A table of every subject's (row) score of every stimulus (column)."""
    rows = [(f"s{i}", f"{j}.jpg", score) for i, row in enumerate(scores) for j, score in enumerate(row)]
    return pd.DataFrame(rows, columns=["subject", "stimulus", "score"])


def test_mean_deviation_and_interval_by_hand():
    row = mean_opinion_scores(opinions(crossed([[10], [20], [40], [50]]))).loc["0.jpg"]
    std = np.sqrt((400 + 100 + 100 + 400) / 3)
    assert row["score"] == 30
    assert row["score_std"] == pytest.approx(std)
    assert row["ci95"] == pytest.approx(3.182446 * std / 2, rel=1e-6)  # t(0.975, 3) of the tables
    assert row["ratings"] == 4


def test_a_lone_opinion_has_neither_deviation_nor_interval():
    row = mean_opinion_scores(opinions(crossed([[10]]))).loc["0.jpg"]
    assert row["score"] == 10
    assert np.isnan(row["score_std"])
    assert np.isnan(row["ci95"])


def test_repeats_are_one_opinion():
    table = pd.concat([crossed([[10], [20]]), crossed([[30]]), crossed([[50]]).assign(session="2")]).fillna(
        {"session": "1"}
    )
    row = mean_opinion_scores(opinions(table)).loc["0.jpg"]
    assert (row["score"], row["ratings"]) == (25, 2)  # subject s0: (10 + 30 + 50) / 3


def test_only_kept_ratings_count_and_stimuli_keep_their_order():
    ratings = ratings_from_table(crossed([[1, 2, 3], [5, 6, 7]])[::-1])
    scores = mean_opinion_scores(opinions_of(ratings, ratings.scores != 7))
    assert scores["score"].to_dict() == {"2.jpg": 3, "1.jpg": 4, "0.jpg": 3}
    assert list(scores.index) == ["2.jpg", "1.jpg", "0.jpg"]


def test_the_error_of_the_mean_is_what_theory_says(simulate):
    """Root mean square error over stimuli and studies: sqrt((noise^2 + bias^2) / subjects)."""
    errors = []
    for seed in range(20):
        study = simulate(seed, honest=25, noise=6, bias=2, repeats=0)
        scores = mean_opinion_scores(opinions(study.table))["score"]
        inside = study.truth.between(25, 75)  # where no noise is cut off by the ends of the scale
        errors.append((scores - study.truth)[inside])
    error = np.sqrt(np.mean(np.concatenate(errors) ** 2))
    assert error == pytest.approx(np.sqrt((6**2 + 2**2) / 25), rel=0.08)


def test_the_interval_holds_the_truth_in_95_of_100_cases(simulate):
    held = []
    for seed in range(40):
        study = simulate(seed, honest=12, repeats=0)
        scores = mean_opinion_scores(opinions(study.table))
        inside = study.truth.between(25, 75)
        held.append((np.abs(scores["score"] - study.truth) <= scores["ci95"])[inside])
    assert np.concatenate(held).mean() == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("method", ["spaq", "bt500"])
@pytest.mark.parametrize("seed", range(4))
def test_rejection_brings_the_error_back_to_that_of_an_honest_study(simulate, seed, method):
    study = simulate(seed, clickers=2, inverted=1, constant=1, inconsistent=2)
    ratings = ratings_from_table(study.table)

    def rmse(rejection):
        scores = run_study(ratings, rejection=rejection, halves=2).table.set_index("image")["score"]
        return np.sqrt(np.mean((scores - study.truth) ** 2))

    expected = np.sqrt((6**2 + 2**2) / 60)
    assert 0.7 * expected < rmse(method) < 1.3 * expected
    assert rmse("none") > 2 * expected


def test_removing_outliers_costs_coverage(simulate):
    """Honest tails are cut too: what the docstring of `reject` warns of."""
    held = []
    for seed in range(10):
        study = simulate(seed, honest=30, repeats=0)
        scores = run_study(ratings_from_table(study.table), halves=2).table.set_index("image")
        held.append((np.abs(scores["score"] - study.truth) <= scores["ci95"])[study.truth.between(25, 75)])
    assert 0.86 < np.concatenate(held).mean() < 0.94


def test_z_scores_do_not_see_gain_and_offset(simulate):
    table = simulate(0, repeats=0).table
    random = np.random.default_rng(1)
    subjects = table["subject"].unique()
    gain = table["subject"].map(dict(zip(subjects, random.uniform(0.2, 0.6, len(subjects)), strict=True)))
    offset = table["subject"].map(dict(zip(subjects, random.uniform(0, 40, len(subjects)), strict=True)))
    scores = [
        mean_opinion_scores(z_score_opinions(opinions(frame))[0])
        for frame in (table, table.assign(score=gain * table["score"] + offset))
    ]
    np.testing.assert_allclose(scores[0].to_numpy(), scores[1].to_numpy(), rtol=1e-8, atol=1e-10)
    plain = mean_opinion_scores(opinions(table.assign(score=gain * table["score"] + offset)))
    assert plain["score_std"].mean() > 10 > scores[0]["score_std"].mean()


def test_z_scores_by_hand():
    """(-1, 0, 1) and (1, -1, 0) average to 0, -0.5, 0.5, which becomes 50, 0, 100."""
    scored, without = z_score_opinions(opinions(crossed([[10, 20, 30], [80, 60, 70]])))
    scores = mean_opinion_scores(scored)
    assert scores["score"].tolist() == pytest.approx([50, 0, 100])
    assert scores["score_std"].tolist() == pytest.approx([100 * np.sqrt(2), 100 * np.sqrt(0.5), 100 * np.sqrt(0.5)])
    assert without == []


def test_z_scores_follow_the_truth(simulate):
    study = simulate(0)
    scores = mean_opinion_scores(z_score_opinions(opinions(study.table))[0])["score"]
    assert (scores.min(), scores.max()) == pytest.approx((0, 100))
    assert stats.pearsonr(scores, study.truth).statistic > 0.995


def test_subjects_without_z_scores_are_named():
    table = pd.concat([crossed([[10, 20, 30], [50, 50, 50]]), crossed([[1]]).assign(subject="s2")])
    scored, without = z_score_opinions(opinions(table))
    assert without == ["s1: all 3 opinions are equal", "s2: only one opinion"]
    assert set(scored["subject"]) == {"s0"}


@pytest.mark.parametrize("scores", [[[50, 50], [50, 50]], [[10, 20], [20, 10]], [[10], [20]]])
def test_no_z_scores_where_stimuli_do_not_differ(scores):
    assert z_score_opinions(opinions(crossed(scores)))[0].empty
