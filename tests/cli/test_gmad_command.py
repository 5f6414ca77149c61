"""`tfiqa gmad` as a user types it."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from uncertain_scorer import named_pictures, uncertain_scorer

from tfiqa.cli.gmad import gmad
from tfiqa.cli.gmad_players import read_source
from tfiqa.errors import InvalidInput, ManifestError, StorageError
from tfiqa.evaluation.gmad.levels import LEVELS, MOST_LEVELS, SPACINGS, TOLERANCE
from tfiqa.serving import scorer as scorer_module

COUNT = 200


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with the score files a.csv, b.jsonl (lower is better) and c.csv of pictures that are not there."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    names = [f"photos/{number:03}.png" for number in range(COUNT)]
    truth = random.normal(size=COUNT)
    for name, sign, noise in (("a", 1, 0.2), ("b", -1, 0.5), ("c", 1, 1.0)):
        table = pd.DataFrame({"path": names, "quality": sign * (truth + random.normal(0, noise, COUNT))})
        shuffled = table.iloc[random.permutation(COUNT)]
        if name == "b":
            shuffled.to_json("b.jsonl", orient="records", lines=True)
        else:
            shuffled.to_csv(f"{name}.csv", index=False)
    pd.DataFrame({"image": names, "score": truth}).to_csv("opinions.csv", index=False)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(gmad, [str(argument) for argument in arguments])


TWO = ("--attacker", "a.csv", "--defender", "b.jsonl", "--lower-is-better", "b", "--output", "out")


def test_two_score_files_alone(here):
    done = run(*TWO)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "index.html",
        "matrix.csv",
        "pairs.csv",
        "pictures",
        "summary.json",
    ]
    pairs = pd.read_csv("out/pairs.csv")
    assert (pairs["attacker_difference"] > 0).all()
    attack = pairs[pairs["attacker"] == "a"]
    assert attack["level_high"].is_monotonic_decreasing  # level 1 of a lower-is-better defender has its highest scores
    assert set(pairs["attacker"]) == {"a", "b"}
    assert "not shown: " in done.stderr
    assert f"pairs of {COUNT} pictures" in done.stderr
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["players"][1]["higher_is_better"] is False
    assert summary["judged_by"] is None


def test_the_same_files_give_the_same_bytes_and_the_options_their_effect(here):
    run(*TWO)
    run(*TWO[:-1], "again")
    assert Path("out/pairs.csv").read_bytes() == Path("again/pairs.csv").read_bytes()
    more = ("--no-reverse", "--levels", 3, "--pairs", 2, "--tolerance", 5, "--spacing", "quantiles")
    done = run(*TWO[:-1], "more", *more)
    assert done.exit_code == 0, done.output
    pairs = pd.read_csv("more/pairs.csv")
    assert list(pairs["level"]) == [1, 1, 2, 2, 3, 3]
    assert set(pairs["attacker"]) == {"a"}
    assert (pairs["pictures"] == COUNT / 10).all()


def test_a_tournament_judged_by_opinions_then_by_people(here):
    players = [f"--model={one}" for one in ("best=a.csv", "b.jsonl:quality", "c.csv")]
    turned = ("--lower-is-better", "b:quality")
    done = run(*players, *turned, "--data", "opinions.csv", "--output", "out")
    assert done.exit_code == 0, done.output
    summary = json.loads(Path("out/summary.json").read_text())
    assert len(summary["attacks"]) == 6
    scores = summary["ranking"]["aggressiveness"]
    assert scores["best"] > scores["b:quality"] > scores["c"]  # in the order of their noise
    assert scores["best"] == max(scores.values())
    pairs = pd.read_csv("out/pairs.csv").drop(columns="preference")
    pairs.assign(preference=np.where(pairs["attacker"] == "c", 100, 0)).to_csv("people.csv", index=False)
    done = run(*players, *turned, "--data", "opinions.csv", "--output", "out", "--resume", "--judgements", "people.csv")
    assert done.exit_code == 0, done.output
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["judged_by"] == "judgements of the pairs"
    scores = summary["ranking"]["aggressiveness"]
    assert scores["c"] == max(scores.values())


def test_pictures_without_a_score_are_left_out_and_counted(here):
    rows = Path("c.csv").read_text().splitlines()
    Path("d.csv").write_text("\n".join([rows[0], rows[1].split(",")[0] + ",nan", *rows[3:]]) + "\n")
    done = run("--attacker", "a.csv", "--defender", "d.csv", "--output", "out")
    assert done.exit_code == 3, done.output
    assert "d: 1 pictures are not in it, 1 have no finite score; left out" in done.stderr
    summary = json.loads(Path("out/summary.json").read_text())
    assert (summary["pictures"], summary["left_out"]) == (COUNT - 2, {"d": {"unlisted": 1, "failed": 1}})
    Path("e.csv").write_text("\n".join([rows[0], *rows[2:]]) + "\n")
    assert run("--attacker", "a.csv", "--defender", "e.csv", "--output", "out2").exit_code == 0


def test_files_without_a_common_picture(here):
    Path("d.csv").write_text("path,quality\nphotos/000.png,1\nphotos/001.png,2\n")
    Path("e.csv").write_text("path,quality\nphotos/002.png,1\nphotos/003.png,2\nphotos/004.png,3\n")
    done = run("--attacker", "d.csv", "--defender", "e.csv", "--data", "opinions.csv", "--output", "out")
    assert isinstance(done.exception, InvalidInput)
    assert f"no picture has a score by all players: of {COUNT} pictures d scores 2, e scores 3" in str(done.exception)
    done = run("--attacker", "d.csv", "--defender", "e.csv", "--output", "out")
    assert "e.csv scores none of the 2 pictures" in str(done.exception)
    assert not Path("out").exists()


def test_a_player_against_itself(here):
    done = run("--attacker", "one=a.csv", "--defender", "other=a.csv", "--output", "out")
    assert done.exit_code == 0, done.output
    assert "warning: one and other score all pictures alike" in done.stderr
    Path("flat.csv").write_text("path,quality\nphotos/000.png,1\nphotos/001.png,1\n")
    done = run("--attacker", "a.csv", "--defender", "flat.csv", "--output", "out2")
    assert "flat gives all 2 pictures the same score, 1" in str(done.exception)


def test_wrong_usage(here):
    for arguments in (
        ("--attacker", "a.csv", "--output", "out"),
        ("--model", "a.csv", "--output", "out"),
        ("--model", "a.csv", "--model", "c.csv", "--attacker", "a.csv", "--defender", "c.csv", "--output", "out"),
        ("--attacker", "a.csv", "--defender", "a.csv", "--output", "out"),
        ("--attacker", "a.csv", "--defender", "run_folder", "--output", "out"),
        ("--attacker", "a.csv", "--defender", "c.csv", "--lower-is-better", "d", "--output", "out"),
        ("--attacker", "a.csv", "--defender", "c.csv", "--levels", 0, "--output", "out"),
        ("--attacker", "a.csv", "--defender", "c.csv", "--levels", 101, "--output", "out"),
        ("--attacker", "a.csv", "--defender", "c.csv", "--data", ".", "--output", "out"),
    ):
        assert run(*arguments).exit_code == 2, arguments
    assert isinstance(run("--attacker", "a.csv", "--defender", "gone.csv", "--output", "out").exception, ManifestError)
    Path("out").mkdir()
    assert run(*TWO).exit_code == 0  # an empty folder may be filled
    assert isinstance(run(*TWO).exception, StorageError)


def test_what_a_source_means(here):
    Path("x=1.csv").write_text("path,quality\na,1\n")
    Path("v.csv").write_text("path,vsi,gmsd\na,1,2\n")
    for text, name, path, column in (
        ("x=1.csv", "x=1", "x=1.csv", "quality"),
        ("n=x=1.csv", "n", "x=1.csv", "quality"),
        ("v.csv:gmsd", "v:gmsd", "v.csv", "gmsd"),
        ("n=v.csv:vsi", "n", "v.csv", "vsi"),
    ):
        source = read_source(text)
        assert (source.name, str(source.path), source.file.column) == (name, path, column)
    Path("runs/unique.v2").mkdir(parents=True)
    for text, name, path in (("runs/unique.v2", "unique.v2", "runs/unique.v2"), ("u=m.keras", "u", "m.keras")):
        source = read_source(text)
        assert (source.name, str(source.path), source.file) == (name, path, None)


def test_levels_without_pairs_are_summed_up(here):
    done = run(*TWO, "--levels", 100, "--tolerance", 0)
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stderr.splitlines() if line.startswith("no pairs: ")]
    assert 2 <= len(lines) <= 4
    assert re.fullmatch(
        r"no pairs: a attacks b, level 1, (\d+, ){8}\d+ and \d\d more: no picture at this level", lines[0]
    )


def test_opinion_scores_off_their_scale(here):
    table = pd.read_csv("opinions.csv").assign(scale_low=-9, scale_high=9, scale_direction="higher")
    table.loc[[3, 5], "score"] = 77
    table.to_csv("opinions.csv", index=False)
    done = run(*TWO, "--data", "opinions.csv")
    assert isinstance(done.exception, ManifestError)
    message = (
        "opinions.csv: 2 of 200 scores lie beyond the scale that it declares, -9 to 9 (first: 77 of photos/003.png)"
    )
    assert str(done.exception) == message
    assert not Path("out").exists()


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A current folder with five pictures, whose quality stands in their names, and the models m.keras and n.keras."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    named_pictures(tmp_path / "photos", [(number, 1.0) for number in range(5)])
    scorers = {name: uncertain_scorer(tmp_path / f"{name}.keras") for name in ("m", "n")}
    monkeypatch.setattr(scorer_module.Scorer, "load", lambda source, **_: scorers[source.stem])
    return scorers


DUEL = ("--model", "m.keras", "--model", "n.keras", "--data", "photos", "--levels", 1, "--tolerance", 50)


def test_models_scores_are_kept(models):
    Path("photos/broken.png").write_text("x")
    done = run(*DUEL, "--output", "out")
    assert done.exit_code == 3, done.output
    assert "m: 0 pictures are not in it, 1 have no finite score; left out" in done.stderr
    assert [path.name[:2] for path in sorted(Path("out/scores").iterdir())] == ["m-", "n-"]
    assert models["m"].predictor.asked == 6
    done = run(*DUEL, "--output", "out", "--resume")
    assert "m: 5 of 6 pictures are scored already" in done.stderr
    assert models["m"].predictor.asked == 7  # the one that failed
    (kept,) = Path("out/scores").glob("m-*")
    again = run("--attacker", kept, "--defender", f"other={kept}", "--output", "again")
    assert "5 pictures" in again.stderr, again.exception  # what is kept is a score file


def test_a_model_without_quality(models):
    models["n"].columns = ("ssim", "vsi")
    done = run(*DUEL, "--output", "out")
    assert isinstance(done.exception, InvalidInput)
    assert "gives no quality; it gives ssim, vsi" in str(done.exception)


def test_a_packed_folder_is_no_playground(models):
    Path("photos/shards.json").write_text("{}")
    done = run(*DUEL, "--output", "out")
    assert isinstance(done.exception, InvalidInput)
    assert "photos is a packed folder" in str(done.exception)


def test_the_defaults_are_those_of_the_package():
    options = {option.name: option for option in gmad.params}
    assert (options["levels"].default, options["tolerance"].default) == (LEVELS, TOLERANCE)
    assert options["levels"].type.max == MOST_LEVELS
    assert tuple(options["spacing"].type.choices) == SPACINGS
    assert options["spacing"].default == SPACINGS[0]
