"""`tfiqa compare`, `rank` and `evaluate` of a model that tells its uncertainty, as a user types them."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import norm
from uncertain_scorer import named_pictures, uncertain_scorer

from tfiqa.cli.compare import compare
from tfiqa.cli.evaluate import evaluate
from tfiqa.cli.rank import rank
from tfiqa.errors import InvalidInput
from tfiqa.serving import scorer as scorer_module


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with pictures in `photos`; every model but `plain.keras` tells its uncertainty."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    named_pictures(tmp_path / "photos", [(1.0, 0.4), (3.0, 0.3), (2.0, 0.5)])
    monkeypatch.setattr(
        scorer_module.Scorer,
        "load",
        lambda source, **_: uncertain_scorer(tmp_path / source.name, uncertainty=source.name != "plain.keras"),
    )
    return tmp_path


def run(command, *arguments):
    """The result of a command line; what it raises is for the caller, as in `main`."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


def rows(text):
    return list(csv.DictReader(text.splitlines()))


def test_compare(here):
    result = run(compare, "photos/3.0_0.3_1.png", "photos/2.0_0.5_2.png", "--model", "m.keras")
    assert result.exit_code == 0
    (row,) = rows(result.stdout)
    assert row["path_1"] == "photos/3.0_0.3_1.png"
    assert (row["quality_2"], row["uncertainty_2"], row["error"]) == ("2.0", "0.5", "")
    assert float(row["probability"]) == pytest.approx(norm.cdf(1 / np.hypot(0.3, 0.5)))
    assert "Thurstone scale, higher is better" in result.stderr


def test_compare_writes_json_and_errors(here):
    (here / "photos" / "broken.png").write_text("x")
    result = run(
        compare, "photos/broken.png", "photos/2.0_0.5_2.png", "--model", "m.keras", "--format", "jsonl", "--output", "o"
    )
    assert result.exit_code == 3
    row = json.loads((here / "o").read_text())
    assert row["probability"] is None
    assert row["quality_2"] == 2.0
    assert "broken.png: is no picture" in row["error"]


@pytest.mark.parametrize("command", [(compare, "a.png", "b.png"), (rank, "photos")])
def test_a_model_without_uncertainty_is_refused(command, here):
    with pytest.raises(InvalidInput, match="does not tell the uncertainty of its quality"):
        run(*command, "--model", "plain.keras")


def test_rank_a_folder(here):
    (here / "photos" / "broken.png").write_text("x")
    result = run(rank, "photos", "--model", "m.keras", "--top", 1)
    assert result.exit_code == 3
    found = rows(result.stdout)
    assert [row["quality"] for row in found] == ["3.0", "2.0", "1.0", ""]
    assert [row["rank"] for row in found] == ["1", "2", "3", ""]
    assert found[-1]["path"] == "photos/broken.png"
    assert "is no picture" in found[-1]["error"]
    better = norm.cdf([1 / np.hypot(0.3, 0.5), 2 / np.hypot(0.3, 0.4)])
    assert float(found[0]["better_than_next"]) == pytest.approx(better[0])
    assert float(found[0]["expected_rank"]) == pytest.approx(3 - better.sum())
    assert (found[0]["rank_low"], found[0]["rank_high"], found[2]["better_than_next"]) == ("1", "2", "")
    assert sum(float(row["among_best"]) for row in found[:3]) == pytest.approx(1, abs=1e-6)
    assert "3 of 4 pictures ranked" in result.stderr


def test_rank_scores_from_a_file(here):
    text = "path,quality,uncertainty,error\na,1,0.1,\nb,2,0.1,\nc,,,c: broken\n"
    (here / "s.csv").write_text(text)
    result = run(rank, "--scores", "s.csv")
    assert result.exit_code == 3
    found = rows(result.stdout)
    assert [row["path"] for row in found] == ["b", "a", "c"]
    assert "among_best" not in found[0]
    assert [row["path"] for row in rows(run(rank, "--scores", "s.csv", "--lower-is-better").stdout)] == ["a", "b", "c"]


def test_all_are_among_more_than_all(here):
    (here / "s.csv").write_text("path,quality,uncertainty\na,1,0.1\nb,2,0.1\n")
    result = run(rank, "--scores", "s.csv", "--top", 500)
    assert [float(row["among_best"]) for row in rows(result.stdout)] == pytest.approx([1, 1])


@pytest.mark.filterwarnings("error")
def test_the_largest_numbers_are_ranked(here):
    (here / "s.csv").write_text("path,quality,uncertainty\n" + "".join(f"{n},{n}e99,1e100\n" for n in range(9)))
    assert len(rows(run(rank, "--scores", "s.csv").stdout)) == 9


def test_nothing_to_rank(here):
    (here / "s.csv").write_text("path,quality,uncertainty\na,,\n")
    with pytest.raises(InvalidInput, match="none of the 1 pictures has a score"):
        run(rank, "--scores", "s.csv")


@pytest.mark.parametrize(
    "arguments",
    [(), ("photos",), ("photos", "--model", "m", "--scores", "s.csv"), ("photos", "--model", "m", "--lower-is-better")],
)
def test_wrong_usage_of_rank(arguments, here):
    assert run(rank, *arguments).exit_code == 2


def test_evaluate_tells_calibration(here):
    (here / "m.csv").write_text(
        "image,score,score_std\nphotos/1.0_0.4_0.png,10,4\nphotos/3.0_0.3_1.png,30,3\nphotos/2.0_0.5_2.png,20,5\n"
    )
    result = run(evaluate, "m.keras", "--data", "m.csv")
    assert result.exit_code == 0
    assert "fidelity loss                       0.0000" in result.stdout
    assert "expected calibration error          0.0000" in result.stdout
    assert run(evaluate, "m.keras", "--data", "m.csv", "--output", "r.json").exit_code == 0
    assert json.loads((here / "r.json").read_text())["calibration"]["pairs"] == 3
    assert "fidelity" not in run(evaluate, "plain.keras", "--data", "m.csv").stdout
