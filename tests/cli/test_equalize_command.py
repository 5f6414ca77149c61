"""`tfiqa data equalize`."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from tfiqa.cli.data.equalize import equalize
from tfiqa.databases.kadis700k_scores import MEASURE_COLUMNS
from tfiqa.errors import InvalidInput, ManifestError, UnknownName
from tfiqa.histogram_equalization import HistogramEqualization

ROWS = 200


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command in a folder with `scores.csv`; errors of ours are raised, as the console script expects them."""
    rng = np.random.default_rng(0)
    scores = {name: 1 - rng.beta(1.2, 20, ROWS) for name in ("vsi", "sff")}
    table = pd.DataFrame({"image": [f"{place}.png" for place in range(ROWS)], **scores, "gmsd": rng.beta(2, 20, ROWS)})
    table["split"] = np.where(np.arange(ROWS) % 4 == 0, "test", "train")
    table.to_csv(tmp_path / "scores.csv", index=False)
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(equalize, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def test_the_training_rows_are_equalised_and_drawn(run, tmp_path):
    result = run("scores.csv", "--output", "equalization.json", "--plot", "page.png")
    assert result.exit_code == 0
    assert result.stdout == ""
    table = pd.read_csv("scores.csv")
    train = table[table["split"] == "train"]
    lines = result.stderr.splitlines()
    assert lines[0] == "split train: 150 of 200 rows"
    low, high = train["vsi"].min(), train["vsi"].max()
    assert lines[1] == f"vsi: 150 values, 150 distinct, {low:g} to {high:g}, higher is better, 150 knots"
    assert lines[2].startswith("gmsd: 150 values, 150 distinct, ")
    assert "lower is better" in lines[2]
    assert lines[4] == "equalization.json: 3 measures, fitted on 150 rows of scores.csv"
    equalization = HistogramEqualization.load("equalization.json")
    targets = equalization.transform(train[["vsi", "gmsd"]])
    even = (np.arange(150) + 0.5) / 150
    np.testing.assert_allclose(np.sort(targets["vsi"]), even, atol=1e-12)
    best = train["gmsd"].idxmin()
    assert targets["gmsd"].idxmax() == best
    with Image.open("page.png") as page:
        colours = {colour for _, colour in page.convert("RGB").getcolors(page.width * page.height)}
    assert {(214, 39, 40), (31, 119, 180)} <= colours


def test_another_split_and_chosen_measures_from_parquet(run):
    pd.read_csv("scores.csv").to_parquet("scores.parquet")
    result = run("scores.parquet", "--output", "a.json", "--split", "test", "--measure", "sff", "--bins", 10)
    assert result.stderr.splitlines()[-1] == "a.json: 1 measure, fitted on 50 rows of scores.parquet"
    maps = HistogramEqualization.load("a.json").maps
    assert list(maps) == ["sff"]
    assert len(maps["sff"].scores) <= 10


def test_rows_without_all_scores_are_left_out_and_counted(run):
    table = pd.read_csv("scores.csv").drop(columns="split")
    table.loc[[3, 4], "vsi"] = np.nan
    table.loc[[4, 5], "sff"] = np.nan
    table.to_csv("gaps.csv", index=False)
    lines = run("gaps.csv", "--output", "a.json").stderr.splitlines()
    assert lines[0] == "3 rows left out, which lack scores"
    assert lines[-1] == "a.json: 3 measures, fitted on 197 rows of gaps.csv"


@pytest.mark.parametrize(
    ("change", "arguments", "error", "told"),
    [
        ({}, ["--measure", "vsii"], UnknownName, "did you mean 'vsi'"),
        ({}, ["--measure", "ssim"], InvalidInput, r"scores\.csv: no scores of ssim; it has image, vsi"),
        ({}, ["--split", "valid"], InvalidInput, r"no rows of split 'valid'; it has test, train"),
        ({"split": None}, ["--split", "train"], InvalidInput, "has no column 'split'"),
        ({"vsi": None, "sff": None, "gmsd": None}, [], InvalidInput, "no scores of any measure"),
        ({"vsi": "good"}, [], InvalidInput, r"scores\.csv: vsi is not a number: 'good'"),
        ({"vsi": "inf"}, [], InvalidInput, "vsi: the scores must be finite"),
        ({"vsi": ""}, [], InvalidInput, "no row has scores of vsi, gmsd, sff"),
    ],
)
def test_tables_that_cannot_be_equalised(run, tmp_path, change, arguments, error, told):
    table = pd.read_csv("scores.csv").assign(**{name: value for name, value in change.items() if value is not None})
    table.drop(columns=[name for name, value in change.items() if value is None]).to_csv("scores.csv", index=False)
    with pytest.raises(error, match=told):
        run("scores.csv", "--output", "a.json", *arguments)
    assert not (tmp_path / "a.json").exists()


def test_a_missing_table_and_wrong_endings(run):
    with pytest.raises(ManifestError, match="no such file"):
        run("absent.csv", "--output", "a.json")
    assert run("scores.csv", "--output", "a.csv").exit_code == 2
    assert run("scores.csv", "--output", "a.json", "--plot", "a.gif").exit_code == 2


def test_the_published_table_has_the_eleven_measures():
    from tfiqa.full_reference import ELEVEN

    assert tuple(MEASURE_COLUMNS) == ELEVEN
