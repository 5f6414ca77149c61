"""Histogram equalisation: ranks, ties, ends, the way back, and the file."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from tfiqa.errors import InvalidInput
from tfiqa.histogram_equalization import MOST_KNOTS, EqualizingMap, HistogramEqualization

# As the measures give them: float32, of any size. A few values only make ties and constants likely.
SCORE = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
SCORES = st.one_of(
    st.lists(SCORE, min_size=1, max_size=60),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=60),
)


def exact_targets(scores, higher_is_better):
    """The share of the pictures that are worse, ties counting half."""
    ranks = rankdata(scores if higher_is_better else -np.asarray(scores))
    return (ranks - 0.5) / len(scores)


def peaky(count, seed=0):
    """Scores crowded below 1, as the measures' are, float32."""
    return (1 - np.random.default_rng(seed).beta(1.2, 40, count)).astype(np.float32).astype(float)


@given(SCORES, st.booleans())
def test_targets_are_mid_ranks(scores, higher_is_better):
    targets = EqualizingMap.fit(scores, higher_is_better).transform(scores)
    np.testing.assert_allclose(targets, exact_targets(scores, higher_is_better), rtol=0, atol=1e-12)
    assert np.mean(targets) == pytest.approx(0.5)


@given(SCORES, st.lists(SCORE, min_size=2, max_size=20), st.booleans())
def test_better_scores_never_get_lower_targets_and_strange_ones_those_of_the_ends(scores, others, higher_is_better):
    fitted = EqualizingMap.fit(scores, higher_is_better)
    upwards = np.sort(others) if higher_is_better else -np.sort(-np.asarray(others))
    targets = fitted.transform(upwards)
    assert (np.diff(targets) >= -1e-15).all()
    ends = fitted.transform([min(scores), max(scores)])
    assert fitted.transform([min(scores) - 1, max(scores) + 1]).tolist() == ends.tolist()
    assert fitted.transform([-np.inf, np.inf]).tolist() == ends.tolist()
    assert ((targets > 0) & (targets < 1)).all()


@given(SCORES, st.lists(st.floats(0, 1), min_size=1, max_size=20), st.booleans())
def test_the_inverse_undoes_it_within_the_fitted_range(scores, shares, higher_is_better):
    fitted = EqualizingMap.fit(scores, higher_is_better)
    low, high = min(scores), max(scores)
    assert fitted.inverse(fitted.transform(scores)).tolist() == scores  # each of them is a knot
    between = low + np.array(shares) * (high - low)
    back = fitted.inverse(fitted.transform(between))
    np.testing.assert_allclose(back, between, rtol=0, atol=1e-9 * max(high - low, abs(low), abs(high)))
    worst, best = (low, high) if higher_is_better else (high, low)
    assert fitted.inverse([-0.5, 0.0, 1.0, 1.5]).tolist() == [worst, worst, best, best]


@given(SCORES, st.booleans())
@settings(max_examples=30)
def test_it_reads_back_exactly(scores, higher_is_better):
    equalization = HistogramEqualization.fit(pd.DataFrame({"a": scores}), ["a"], {"a": higher_is_better})
    again = HistogramEqualization.from_dict(json.loads(json.dumps(equalization.to_dict())))
    assert again.to_dict() == equalization.to_dict()
    assert again.maps["a"].transform(scores).tolist() == equalization.maps["a"].transform(scores).tolist()


@pytest.mark.parametrize("higher_is_better", [True, False])
@pytest.mark.parametrize("plateau", [0.0, 0.002, 0.5])
def test_many_labels_need_few_knots(higher_is_better, plateau):
    """Half of all values are exactly 1, or almost none; the approximation is within a step everywhere."""
    scores = peaky(100_000)
    scores[: int(plateau * len(scores))] = 1.0
    fitted = EqualizingMap.fit(scores, higher_is_better)
    assert len(fitted.scores) <= MOST_KNOTS
    errors = np.abs(fitted.transform(scores) - exact_targets(scores, higher_is_better))
    assert errors.max() < 2 / MOST_KNOTS
    assert errors.mean() < 1e-4
    assert errors[scores == 1.0].max(initial=0.0) < 1e-12
    back = fitted.inverse(fitted.transform(scores))
    np.testing.assert_allclose(back, scores, rtol=0, atol=1e-9)
    counts, _ = np.histogram(
        fitted.transform(scores[scores < 1.0]), 10, (0.0, 1 - plateau) if higher_is_better else (plateau, 1)
    )
    np.testing.assert_allclose(counts / counts.mean(), 1.0, atol=0.01)


def test_a_plateau_wins_its_place_whatever_is_around_it():
    """Scores that more pictures share than a step is wide are knots, few others are."""
    rng = np.random.default_rng(1)
    heavy = np.array([0.2, 0.200001, 0.7])
    scores = np.concatenate([rng.random(20_000), np.repeat(heavy, 50)])
    fitted = EqualizingMap.fit(scores, True)
    assert np.isin(heavy, fitted.scores).all()
    assert len(fitted.scores) <= MOST_KNOTS


def test_as_many_knots_as_allowed_at_worst():
    """Every other score is a plateau just wider than a step's half, so that each step is one score long."""
    scores = np.concatenate([np.repeat(np.arange(499), 20), 0.5 + np.arange(10_000) / 20.1])
    assert len(EqualizingMap.fit(scores, True).scores) <= MOST_KNOTS


def test_all_of_kadis_fits_in_seconds_and_into_few_bytes(tmp_path):
    names = [f"measure_{place}" for place in range(11)]
    scores = pd.DataFrame({name: peaky(700_000, place) for place, name in enumerate(names)})
    start = time.perf_counter()
    equalization = HistogramEqualization.fit(scores, names, dict.fromkeys(names, True))
    assert time.perf_counter() - start < 20  # a second, on an idle machine
    equalization.save(tmp_path / "equalization.json")
    assert (tmp_path / "equalization.json").stat().st_size < 500_000


def test_a_constant_is_one_half_everywhere():
    fitted = EqualizingMap.fit([0.7] * 5, False)
    assert fitted.transform([0.0, 0.7, 1.0]).tolist() == [0.5] * 3
    assert fitted.inverse([0.0, 0.5, 1.0]).tolist() == [0.7] * 3


def test_bins_make_ties():
    fitted = EqualizingMap.fit([0.0, 0.1, 0.9, 0.95, 1.0], True, bins=2)
    assert fitted.scores.tolist() == [0.25, 0.75]
    assert fitted.targets.tolist() == [0.2, 0.7]
    assert len(EqualizingMap.fit(peaky(10_000), True, bins=64).scores) <= 64
    assert EqualizingMap.fit([3.0, 3.0], True, bins=10).transform([3.0]).tolist() == [0.5]
    with pytest.raises(InvalidInput, match="at least one bin"):
        EqualizingMap.fit([1.0], True, bins=0)


def test_tables_keep_their_rows_and_columns():
    scores = pd.DataFrame({"name": list("abc"), "vsi": [0.9, 0.8, 1.0], "gmsd": [0.0, 0.2, 0.1]}, index=[5, 3, 9])
    directions = {"vsi": True, "gmsd": False, "sff": True}
    equalization = HistogramEqualization.fit(scores, ["vsi", "gmsd"], directions)
    targets = equalization.transform(scores[["gmsd", "vsi"]])
    wanted = pd.DataFrame({"gmsd": [5 / 6, 1 / 6, 0.5], "vsi": [0.5, 1 / 6, 5 / 6]}, index=[5, 3, 9])
    pd.testing.assert_frame_equal(targets, wanted)
    pd.testing.assert_frame_equal(equalization.inverse(targets), scores[["gmsd", "vsi"]])
    assert np.isnan(equalization.transform(pd.DataFrame({"vsi": [np.nan]}))["vsi"][0])
    with pytest.raises(InvalidInput, match="no equalisation of 'sff' was fitted; there is one of vsi, gmsd"):
        equalization.transform(pd.DataFrame({"sff": [1.0]}))


@pytest.mark.parametrize(
    ("scores", "names", "told"),
    [
        ({"vsi": [1.0, np.nan, np.inf]}, ["vsi"], r"^vsi: the scores must be finite \(N,\).*2 not finite"),
        ({"vsi": ["good"]}, ["vsi"], "^vsi: the scores must be numbers"),
        ({"vsi": []}, ["vsi"], "^vsi: the scores must be finite"),
        ({"vsi": [1.0]}, ["sff"], "no scores of sff, or no direction; there are vsi"),
        ({"vsi": [1.0]}, [], "at least one measure"),
    ],
)
def test_labels_that_have_no_rank_are_refused(scores, names, told):
    with pytest.raises(InvalidInput, match=told):
        HistogramEqualization.fit(pd.DataFrame(scores), names, {"vsi": True, "sff": True})


def good():
    return HistogramEqualization.fit(pd.DataFrame({"vsi": [0.5, 0.75, 1.0]}), ["vsi"], {"vsi": True}).to_dict()


def test_the_file_reads_back(tmp_path):
    equalization = HistogramEqualization.from_dict(good())
    equalization.save(tmp_path / "new" / "equalization.json")
    again = HistogramEqualization.load(tmp_path / "new" / "equalization.json")
    assert again.to_dict() == good()
    assert (again.maps["vsi"].pictures, again.maps["vsi"].higher_is_better) == (3, True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scores": [0.5, 0.5, 1.0]}, "the scores of the knots must be finite and increase"),
        ({"scores": [0.5, float("nan"), 1.0]}, "the scores of the knots must be finite and increase"),
        ({"scores": [0.5, 1.0]}, "must be lists of one length"),
        ({"scores": [], "targets": []}, "must be lists of one length"),
        ({"scores": [[0.5], [0.7], [1.0]]}, "must be lists of one length"),
        ({"scores": 0.5}, "must be lists of one length"),
        ({"scores": ["a", "b", "c"]}, "they are no numbers"),
        ({"scores": [10**400, 1, 2]}, "they are no numbers"),
        ({"targets": [0.1, 0.2, 1.1]}, r"must be in 0\.\.1 and increase"),
        ({"targets": [0.9, 0.5, 0.1]}, r"must be in 0\.\.1 and increase"),
        ({"higher_is_better": False}, r"must be in 0\.\.1 and decrease"),
        ({"higher_is_better": "yes"}, "higher_is_better and pictures are 'yes' and 3"),
        ({"pictures": 0}, "higher_is_better and pictures are True and 0"),
    ],
)
def test_damaged_maps_are_refused_in_one_line(tmp_path, change, told):
    values = good()
    values["measures"]["vsi"] |= change
    path = tmp_path / "equalization.json"
    path.write_text(json.dumps(values))
    with pytest.raises(InvalidInput, match=rf"^{path}: vsi: .*{told}") as caught:
        HistogramEqualization.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "this is no histogram equalisation"),
        ("[1]", "this is no histogram equalisation"),
        ("{", "is no histogram equalisation: "),
        ("[" * 100_000, "is no histogram equalisation: "),
        (json.dumps(good() | {"version": 2}), "it has version 2, this tfiqa reads version 1"),
        (json.dumps(good() | {"measures": {}}), "it has no measures"),
        (json.dumps(good() | {"measures": {"vsi": None}}), "vsi: it lacks its scores and targets"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, told):
    path = tmp_path / "equalization.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=told) as caught:
        HistogramEqualization.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"cannot read .*absent\.json: No such file"):
        HistogramEqualization.load(tmp_path / "absent.json")
