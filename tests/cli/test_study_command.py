"""`tfiqa study` as a user types it."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tfiqa.cli.study import study
from tfiqa.databases.manifest import read_manifest
from tfiqa.databases.opinion_scores import rejection
from tfiqa.databases.opinion_scores import study as study_module
from tfiqa.errors import ManifestError

STIMULI = 40


@pytest.fixture
def ratings(tmp_path):
    """Twelve honest subjects and one who always says 3, on 1..5."""
    random = np.random.default_rng(0)
    truth = random.uniform(1.5, 4.5, STIMULI)
    rows = ["subject,session,stimulus,score"]
    for subject in range(12):
        scores = np.clip(np.round(truth + random.normal(0, 0.6, STIMULI)), 1, 5)
        rows += [f"{subject:03},morning,pictures/{place}.jpg,{score:g}" for place, score in enumerate(scores)]
    rows += [f"lazy,noon,pictures/{place}.jpg,3" for place in range(STIMULI)]
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def run(*arguments):
    return CliRunner().invoke(study, [str(argument) for argument in arguments])


def test_scores_report_and_summary(ratings, tmp_path):
    output, report = tmp_path / "mos.csv", tmp_path / "report.json"
    done = run(ratings, "--output", output, "--report", report, "--low", 1, "--high", 5)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    manifest = read_manifest(output, required=("image", "score", "score_std"))
    assert list(manifest.table["image"]) == [f"pictures/{place}.jpg" for place in range(STIMULI)]
    assert str(manifest.scale) == "MOS 1 to 5, higher is better"
    removed = json.loads(report.read_text())["removed_sessions"]
    assert [(row["subject"], row["session"]) for row in removed] == [("lazy", "noon")]
    assert "removed: subject lazy, session noon: " in done.stderr
    assert "100 % of its 40 ratings are identical" in done.stderr
    assert "520 ratings of 40 stimuli by 13 subjects in 13 sessions, scale 1 to 5" in done.stderr
    for figure in (
        "sub-groups: SRCC 0.9",
        "subjects to MOS: SRCC 0.",
        "ICC(1,1) 0.",
        "ICC(1,k) 0.9",
        "of 25 random halvings",
    ):
        assert figure in done.stderr


def test_choices_reach_the_study(ratings, tmp_path):
    output, report = tmp_path / "mos.parquet", tmp_path / "report.json"
    options = ("--low", 1, "--high", 5, "--method", "zscore", "--rejection", "none", "--halves", 7, "--seed", 3)
    done = run(ratings, "--output", output, "--report", report, *options)
    assert done.exit_code == 0, done.output
    written = json.loads(report.read_text())
    assert (written["method"], written["rejection"], written["removed_sessions"]) == ("zscore", "none", [])
    assert (written["sub_group_consistency"]["asked"], written["sub_group_consistency"]["seed"]) == (7, 3)
    assert written["subjects_without_z_scores"] == ["lazy: all 40 opinions are equal"]
    assert "no Z-scores for subject lazy: all 40 opinions are equal" in done.stderr
    assert pd.read_parquet(output)["scale_unit"].unique().tolist() == ["Z-score MOS"]


def test_the_same_command_writes_the_same_bytes(ratings, tmp_path):
    for name in ("one", "two"):
        run(
            ratings,
            "--output",
            tmp_path / f"{name}.csv",
            "--report",
            tmp_path / f"{name}.json",
            "--low",
            1,
            "--high",
            5,
        )
    for ending in ("csv", "json"):
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()


def test_bad_ratings_are_an_error_and_nothing_is_written(ratings, tmp_path):
    done = run(ratings, "--output", tmp_path / "mos.csv", "--low", 1, "--high", 4)
    assert isinstance(done.exception, ManifestError)
    assert "score is outside 1..4 in rows" in str(done.exception)
    assert not (tmp_path / "mos.csv").exists()


def test_wrong_usage(ratings, tmp_path):
    assert run(ratings).exit_code == 2
    assert run(ratings, "--output", tmp_path / "mos.csv", "--rejection", "bt50").exit_code == 2
    assert run(ratings, "--output", tmp_path / "mos.csv", "--halves", 1).exit_code == 2
    before = ratings.read_bytes()
    for files in (("--output", ratings), ("--output", tmp_path / "m.csv", "--report", tmp_path / "m.csv")):
        done = run(ratings, *files, "--low", 1, "--high", 5)
        assert (done.exit_code, "must be different files" in done.stderr) == (2, True)
    assert ratings.read_bytes() == before


def test_the_choices_are_those_of_the_package():
    options = {option.name: option for option in study.params}
    assert tuple(options["rejection"].type.choices) == rejection.METHODS
    assert tuple(options["method"].type.choices) == study_module.METHODS
