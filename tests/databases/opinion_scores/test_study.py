import json

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import read_manifest
from tfiqa.databases.opinion_scores import ratings_from_table, run_study, write_scores
from tfiqa.errors import InvalidInput, ManifestError, UnknownName

PLANTED = {"clickers": 2, "inverted": 1, "constant": 1, "inconsistent": 2}


def few(*rows):
    return ratings_from_table(pd.DataFrame(rows, columns=["subject", "stimulus", "score"]))


@pytest.fixture(scope="module")
def planted(simulate):
    return run_study(ratings_from_table(simulate(0, **PLANTED).table))


def test_counts_add_up(planted):
    counts = planted.counts()
    assert counts["ratings"] == 66 * 86
    assert (counts["subjects"], counts["sessions"], counts["stimuli"]) == (66, 66, 80)
    assert (counts["sessions_removed"], counts["subjects_removed"]) == (6, 6)
    assert counts["ratings_removed_with_their_session"] == 6 * 86
    gone = sum(
        counts[name]
        for name in counts
        if name.endswith("_removed") and name.split("_")[0] in ("outliers", "inconsistent")
    )
    assert counts["ratings_kept"] == 60 * 86 - gone
    assert counts["outliers_found"] >= counts["outliers_removed"] > 0


def test_the_table(planted, simulate):
    assert list(planted.table) == ["image", "score", "score_std", "ci95", "ratings", "mos", "zscore_mos"]
    assert list(planted.table["image"]) == list(simulate(0, **PLANTED).truth.index)
    assert planted.table["ratings"].between(50, 60).all()
    assert (planted.table["score"] == planted.table["mos"]).all()
    assert planted.table["zscore_mos"].agg(["min", "max"]).tolist() == pytest.approx([0, 100])
    assert str(planted.scale) == "MOS 0 to 100, higher is better"


def test_report_is_json_and_names_the_removed(planted):
    report = json.loads(json.dumps(planted.to_dict(), allow_nan=False))
    assert {row["subject"] for row in report["removed_sessions"]} == {
        "clicker 0", "clicker 1", "inverted 0", "constant 0", "inconsistent 0", "inconsistent 1",
    }  # fmt: skip
    assert all(row["reason"] and row["ratings"] == 86 for row in report["removed_sessions"])
    assert report["sub_group_consistency"]["srcc"] > 0.99
    assert report["sub_group_consistency"]["asked"] == 25
    assert report["subject_consistency"]["subjects"] == 60
    assert report["intraclass_correlations"]["icc_1_1"] > 0.9
    assert report["counts"] == planted.counts()


def test_spammers_lower_every_figure(planted, simulate):
    worse = run_study(ratings_from_table(simulate(0, **PLANTED).table), rejection="none")
    assert worse.sub_groups.srcc < planted.sub_groups.srcc
    assert worse.subjects.plcc < planted.subjects.plcc - 0.02
    assert worse.icc.icc_1_1 < planted.icc.icc_1_1 - 0.05
    assert worse.table["ci95"].mean() > 1.5 * planted.table["ci95"].mean()


def test_z_score_method(simulate, planted):
    study = run_study(ratings_from_table(simulate(0, **PLANTED).table), method="zscore")
    assert (study.table["score"] == study.table["zscore_mos"]).all()
    pd.testing.assert_series_equal(study.table["mos"], planted.table["mos"])
    assert str(study.scale) == "Z-score MOS 0 to 100, higher is better"
    assert study.sub_groups.plcc > 0.99


@pytest.mark.parametrize("seed", range(5))
def test_z_score_means_stay_on_their_scale(simulate, seed):
    study = run_study(ratings_from_table(simulate(seed, repeats=0).table), rejection="none", method="zscore")
    assert study.table["score"].between(0, 100).all()


def test_a_rating_removed_for_two_reasons_is_counted_once():
    rows = [(f"s{subject}", "x", 49 + subject % 3) for subject in range(30)] + [("far", "x", 100), ("far", "x", 50)]
    rows += [(name, f"{number}", 50 + number % 7) for number in range(20) for name in ("far", "s0")]
    counts = run_study(few(*rows)).counts()
    assert (counts["outliers_removed"], counts["inconsistent_repeats_removed"]) == (1, 1)
    assert counts["ratings_kept"] == counts["ratings"] - 2


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_written_scores_are_a_manifest(tmp_path, name):
    stimuli = ["007", "a/./b.jpg", "../up.jpg", "/absolute/c.jpg"]
    rows = [(f"s{i}", stimulus, 1 + i + j) for i in range(3) for j, stimulus in enumerate(stimuli)]
    ratings = ratings_from_table(pd.DataFrame(rows, columns=["subject", "stimulus", "score"]), low=1, high=7)
    study = run_study(ratings)
    write_scores(study, tmp_path / name)
    manifest = read_manifest(tmp_path / name, required=("image", "score"))
    assert list(manifest.table["image"]) == stimuli
    assert manifest.scale == study.scale
    assert (manifest.scale.low, manifest.scale.high, manifest.scale.unit) == (1, 7, "MOS")
    np.testing.assert_array_equal(manifest.table["score"], study.table["score"])
    np.testing.assert_array_equal(manifest.table["ci95"].astype(float), study.table["ci95"])


def test_one_rating_a_stimulus(tmp_path):
    study = run_study(few(("a", "x", 10), ("a", "y", 20), ("a", "z", 30)))
    assert study.table["score_std"].isna().all()
    assert study.table["ci95"].isna().all()
    report = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert (report["mean_score_std"], report["mean_ci95"]) == (None, None)
    assert report["intraclass_correlations"] == {
        "undefined": "it takes two stimuli at least, and two opinions of one of them"
    }
    assert report["sub_group_consistency"]["undefined"] == "it takes two subjects at least"
    assert "3 of 3 stimuli have one opinion, and so neither standard deviation nor interval" in study.notes
    text = study.to_text()
    assert "sub-groups: undefined, it takes two subjects at least" in text
    assert "nan" not in text.lower()
    write_scores(study, tmp_path / "scores.csv")
    assert "x,10.0,,,1," in (tmp_path / "scores.csv").read_text()
    assert read_manifest(tmp_path / "scores.csv", required=("image", "score")).table["score_std"].isna().all()


def test_one_rating_in_all():
    study = run_study(few(("a", "x", 10)))
    assert study.table.loc[0, "score"] == 10
    assert np.isnan(study.table.loc[0, "zscore_mos"])
    assert study.without_z_scores == ["a: only one opinion"]


def test_stimuli_that_lose_all_opinions_are_named():
    rows = [("a", f"{number}", 40 + number) for number in range(12)] + [("a", "0", 90)]
    study = run_study(few(*rows))
    assert study.without_score == ["0"]
    assert "0" not in set(study.table["image"])
    assert "1 of 12 stimuli have no opinion that counts and are not in the table: 0" in study.notes


def test_nothing_left():
    rows = [("a", f"{number}", 50) for number in range(12)]
    with pytest.raises(ManifestError, match="rejection 'spaq' leaves no rating"):
        run_study(few(*rows))
    assert len(run_study(few(*rows), rejection="none").table) == 12


def test_no_z_scores_left():
    with pytest.raises(ManifestError, match="no Z-scores"):
        run_study(few(("a", "x", 10), ("b", "y", 20)), method="zscore")


def test_a_forgotten_scale_is_noticed():
    rows = [("a", "x", 1), ("a", "y", 5), ("b", "x", 2), ("b", "y", 4)]
    assert any("all ratings lie within 1 to 5" in note for note in run_study(few(*rows)).notes)


def test_too_few_ratings_for_outliers_are_noticed():
    rows = [("a", "x", 10), ("a", "y", 50), ("b", "x", 20), ("b", "y", 40)]
    assert any(note.startswith("2 of 2 stimuli have fewer than 6 ratings") for note in run_study(few(*rows)).notes)
    assert not run_study(few(*rows), rejection="none").notes


def test_the_cost_of_removed_outliers_is_told(planted):
    assert any("outliers" in note and "too small" in note for note in planted.notes)


def test_unknown_choices():
    ratings = few(("a", "x", 10), ("b", "x", 20))
    with pytest.raises(UnknownName, match="did you mean 'zscore'"):
        run_study(ratings, method="z-score")
    with pytest.raises(UnknownName, match="did you mean 'spaq'"):
        run_study(ratings, rejection="spak")
    with pytest.raises(InvalidInput, match="at least 2 halvings"):
        run_study(ratings, halves=1)
