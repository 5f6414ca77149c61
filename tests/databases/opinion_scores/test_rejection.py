import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tfiqa.databases.opinion_scores import ratings_from_table, reject
from tfiqa.databases.opinion_scores.rejection import deviations
from tfiqa.errors import UnknownName

SPAMMERS = {"clicker 0", "clicker 1", "inverted 0", "constant 0"}
PLANTED = {"clickers": 2, "inverted": 1, "constant": 1, "inconsistent": 2}


def removed(table, method="spaq", **scale):
    return set(reject(ratings_from_table(table, **scale), method).removed_sessions["subject"])


def one_stimulus(scores):
    subjects = [f"s{number}" for number in range(len(scores))]
    return pd.DataFrame({"subject": subjects, "stimulus": "x", "score": scores})


def twelve_stimuli(repeats, first=50.0, session=None):
    """One subject's session: twelve stimuli, and again the first ones with the given scores."""
    scores = [first + place % 3 for place in range(12)] + list(repeats)
    stimuli = [f"{place}.jpg" for place in [*range(12), *range(len(repeats))]]
    table = pd.DataFrame({"subject": "a", "stimulus": stimuli, "score": scores})
    return table if session is None else table.assign(session=session)


@pytest.mark.parametrize("seed", range(4))
def test_spaq_finds_exactly_the_planted_subjects(simulate, seed):
    table = simulate(seed, **PLANTED).table
    assert removed(table) == SPAMMERS | {"inconsistent 0", "inconsistent 1"}


@pytest.mark.parametrize("seed", range(1, 5))
def test_bt500_finds_spammers_and_knows_no_repeats(simulate, seed):
    """On many stimuli: among few, a clicker's outliers may by chance lie on one side, and then he stays."""
    found = reject(ratings_from_table(simulate(seed, stimuli=300, **PLANTED).table), "bt500")
    assert set(found.removed_sessions["subject"]) == SPAMMERS
    assert not found.outlier.any()
    assert not found.inconsistent.any()


@pytest.mark.parametrize("seed", range(4))
def test_paq2piq_finds_who_contradicts_or_repeats_himself(simulate, seed):
    table = simulate(seed, repeats=20, clickers=2, constant=1, inconsistent=2).table
    assert removed(table, "paq2piq") == {"clicker 0", "clicker 1", "constant 0", "inconsistent 0", "inconsistent 1"}


@pytest.mark.parametrize(("method", "most"), [("spaq", 4), ("bt500", 6), ("paq2piq", 0), ("none", 0)])
@pytest.mark.parametrize("seed", range(3))
def test_an_honest_study_loses_few(simulate, seed, method, most):
    """Of 60 subjects: a normal distribution has 4.6 % of ratings beyond two deviations, and an offset adds to them."""
    assert len(removed(simulate(10 + seed).table, method)) <= most


def test_none_keeps_everything(simulate):
    found = reject(ratings_from_table(simulate(0, **PLANTED).table), "none")
    assert found.keep.all()
    assert found.removed_sessions.empty


def test_reasons_give_the_numbers(simulate):
    sessions = reject(ratings_from_table(simulate(0, **PLANTED).table)).removed_sessions.set_index("subject")
    clicker = sessions.loc["clicker 0"]
    assert f"{clicker.above + clicker.below} of 86 ratings are outliers (allowed: 10 %)" in clicker.reason
    assert "repeated stimuli rated more than 20 apart (allowed: 3)" in sessions.loc["inconsistent 0"].reason
    assert sessions.loc["constant 0"].reason == "100 % of its 86 ratings are identical"


def test_only_the_bad_session_of_a_subject_goes(simulate):
    good, bad = simulate(0).table, simulate(1, honest=0, clickers=1).table
    table = pd.concat([good.assign(session="1"), bad.assign(session="2", subject="honest 0")])
    out = reject(ratings_from_table(table)).removed_sessions
    assert list(zip(out["subject"], out["session"], strict=True)) == [("honest 0", "2")]


def test_bt500_judges_the_subject_over_all_sessions(simulate):
    good, bad = simulate(0).table, simulate(1, honest=0, clickers=1).table
    table = pd.concat([good.assign(session="1"), bad.assign(session="2", subject="honest 0")])
    out = reject(ratings_from_table(table), "bt500").removed_sessions
    assert list(zip(out["subject"], out["session"], strict=True)) == [("honest 0", "1"), ("honest 0", "2")]
    assert out["reason"].str.contains("of the subject's 172 ").all()


def test_deviations_against_scipy():
    random = np.random.default_rng(0)
    normal, heavy = random.normal(50, 5, 40), np.append(random.normal(50, 2, 39), 90)
    assert 2 <= stats.kurtosis(normal, fisher=False) <= 4 < stats.kurtosis(heavy, fisher=False)
    for scores, width in ((normal, 2), (heavy, np.sqrt(20))):
        expected = stats.zscore(scores, ddof=1) / width
        np.testing.assert_allclose(deviations(ratings_from_table(one_stimulus(scores))), expected, rtol=1e-10)


@pytest.mark.parametrize("scores", [[33.3], [33.3] * 7, [0.1, 0.1, 0.1]])
def test_without_deviation_nothing_is_an_outlier(scores):
    ratings = ratings_from_table(one_stimulus(scores))
    assert (np.abs(deviations(ratings)) < 1).all()
    assert reject(ratings).keep.all()
    assert reject(ratings, "bt500").keep.all()


def test_a_normal_tail_is_cut_at_two_deviations():
    scores = np.array([40.0, 44, 46, 48, 49, 50, 50, 51, 52, 54, 56, 63])
    assert 2 <= stats.kurtosis(scores, fisher=False) <= 4
    assert (scores[-1] - scores.mean()) / scores.std(ddof=1) > 2
    found = reject(ratings_from_table(pd.concat([one_stimulus(scores), filler(12)])))
    assert found.outlier.nonzero()[0].tolist() == [11]
    assert found.keep.sum() == len(found.keep) - 1


def test_a_lone_far_rating_hides_among_fewer_than_22():
    """Its own weight makes the kurtosis high, and 4.47 deviations are out of reach: a property of BT.500's rule."""
    for n, is_found in ((21, False), (22, True)):
        scores = np.append(np.tile([49.999, 50.001], n)[: n - 1], 100.0)
        found = reject(ratings_from_table(pd.concat([one_stimulus(scores), filler(n)])))
        assert found.outlier[n - 1] == is_found


def filler(subjects):
    """Twelve more stimuli on which nobody stands out, so that one outlier is below a tenth of a session."""
    frames = [
        one_stimulus([40.0 + 10 * (place % 2)] * subjects).assign(stimulus=f"filler {place}") for place in range(12)
    ]
    return pd.concat(frames)


@pytest.mark.parametrize(("outliers", "is_out"), [(1, False), (2, True)])
def test_more_than_a_tenth_of_a_session(outliers, is_out):
    """A session of ten ratings: one outlier is a tenth, and allowed."""
    scores = np.append(np.tile([49.0, 51.0], 15), 100.0)
    frames = [
        one_stimulus(scores if place < outliers else 50.0 + (np.arange(31) + place) % 3).assign(stimulus=f"{place}")
        for place in range(10)
    ]
    found = reject(ratings_from_table(pd.concat(frames)))
    assert set(found.removed_sessions["subject"]) == ({"s30"} if is_out else set())
    assert found.outlier.sum() == outliers
    assert (~found.keep).sum() == (10 if is_out else 1)


@pytest.mark.parametrize("apart", [20, 20.5])
def test_repeats_that_differ_by_more_than_20_do_not_count(apart):
    found = reject(ratings_from_table(twelve_stimuli([50 + apart, 51])))
    assert found.inconsistent.nonzero()[0].tolist() == ([0, 12] if apart > 20 else [])
    assert found.sessions.loc[0, ["repeated", "inconsistent"]].tolist() == [2, int(apart > 20)]
    assert found.removed_sessions.empty


def test_the_first_and_the_last_of_three_ratings_are_compared_too():
    table = pd.concat([twelve_stimuli([60]), twelve_stimuli([75]).iloc[-1:]])
    assert reject(ratings_from_table(table)).inconsistent.nonzero()[0].tolist() == [0, 12, 13]


@pytest.mark.parametrize(("inconsistent", "is_out"), [(3, False), (4, True)])
def test_more_than_three_inconsistent_stimuli(inconsistent, is_out):
    repeats = [90.0] * inconsistent + [51.0] * (5 - inconsistent)
    found = reject(ratings_from_table(twelve_stimuli(repeats)))
    assert len(found.removed_sessions) == is_out
    assert found.keep.sum() == (0 if is_out else 17 - 6)


def test_repeats_in_different_sessions_are_not_compared():
    table = pd.concat([twelve_stimuli([], session="1"), twelve_stimuli([], first=90.0, session="2")])
    found = reject(ratings_from_table(table))
    assert not found.inconsistent.any()
    assert found.sessions["repeated"].tolist() == [0, 0]


@pytest.mark.parametrize(("second", "is_apart"), [(0.7, False), (0.69, True)])
def test_the_difference_scales_and_survives_binary_fractions(second, is_apart):
    table = pd.DataFrame({"subject": "a", "stimulus": "x", "score": [0.9, second]})
    assert 0.9 - 0.7 > 0.2
    assert reject(ratings_from_table(table, low=0, high=1)).inconsistent.all() == is_apart


@pytest.mark.parametrize(("ratings", "is_out"), [(9, False), (10, True)])
def test_few_identical_ratings_are_no_offence(simulate, ratings, is_out):
    lazy = pd.DataFrame({"subject": "lazy", "stimulus": [f"{n}.jpg" for n in range(ratings)], "score": 50.0})
    assert removed(pd.concat([simulate(0).table, lazy]), "paq2piq") == ({"lazy"} if is_out else set())


@pytest.mark.parametrize(("identical", "is_out"), [(6, False), (7, True)])
def test_paq2piq_allows_half_identical(identical, is_out):
    table = twelve_stimuli([])
    table["score"] = [50.0] * identical + list(range(60, 72 - identical))
    assert len(reject(ratings_from_table(table), "paq2piq").removed_sessions) == is_out
    assert reject(ratings_from_table(table), "spaq").removed_sessions.empty


def test_bt500_spares_who_is_merely_severe(simulate):
    """Far below the mean always is an opinion; far off in both directions is none."""
    study = simulate(0)
    severe = simulate(1, honest=1).table.assign(subject="severe")
    severe["score"] = (severe["stimulus"].map(study.truth) - 40).clip(0)
    table = pd.concat([study.table, severe])
    sessions = reject(ratings_from_table(table), "bt500").sessions.set_index("subject")
    assert sessions.loc["severe", "below"] > 0.05 * sessions.loc["severe", "ratings"]
    assert removed(table, "bt500") == set()
    assert removed(table, "spaq") == {"severe"}


def test_unknown_method():
    with pytest.raises(UnknownName, match="did you mean 'bt500'"):
        reject(ratings_from_table(one_stimulus([1, 2])), "bt50")
