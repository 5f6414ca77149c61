"""`tfiqa extract weak-labels` as a user types it."""

import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from scenes import scene

from tfiqa.cli.data.pack import pack
from tfiqa.cli.extract import extract
from tfiqa.cli.extract.long_progress import LongProgress
from tfiqa.errors import InvalidInput, ManifestError, StorageError
from tfiqa.full_reference import ELEVEN
from tfiqa.histogram_equalization import HistogramEqualization

SIDE = 192  # IW-SSIM needs 176


def run(*arguments):
    """The result of a command line; what it raises is for the caller, as in `main`."""
    line = ["weak-labels", *(str(argument) for argument in arguments)]
    return CliRunner().invoke(extract, line, catch_exceptions=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with a manifest of two good pictures and one that is broken."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(2):
        Image.fromarray(scene(number, SIDE, SIDE + 64)).save(folder / f"{number}.png")
    (folder / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "m.csv").write_text("image\n0.png\n1.png\n2.png\n")
    return folder


@pytest.fixture(scope="module")
def made(pictures, tmp_path_factory):
    """What the command makes of the pictures, and its result."""
    folder = tmp_path_factory.mktemp("made") / "out"
    arguments = ["--data", pictures / "m.csv", "--output", folder, "--size", f"{SIDE}x{SIDE}", "--workers", 1]
    return folder, run(*arguments), arguments


def test_labels_of_all_eleven_measures(made, pictures):
    folder, result, _ = made
    assert result.exit_code == 3
    assert result.stdout == ""
    told = result.stderr
    assert "3 pristine pictures, one type each, at 5 levels: 15 pictures in 3 shards\n" in told
    assert "15 of 15 pictures gone through (100.0%)" in told
    assert f"failed: {pictures / '2.png'}: is truncated" in told or f"failed: {pictures / '2.png'}: " in told
    assert f"{folder}: 10 labelled pictures, 5 lacking, in 3 shards" in told
    assert "equalization.json is fitted on 10 of them" in told
    assert "distort" in told.splitlines()[-1]
    table = pd.read_parquet(folder / "scores.parquet")
    assert len(table) == 10
    assert np.isfinite(table[list(ELEVEN)]).all(axis=None)
    assert tuple(HistogramEqualization.load(folder / "equalization.json").maps) == ELEVEN


def test_the_folder_is_a_packed_one(made):
    result = CliRunner().invoke(pack, ["--check", str(made[0])], catch_exceptions=False)
    assert result.exit_code == 0
    assert "10 pictures in 3 shards, as packed" in result.output


def test_what_is_finished_stays_so(made):
    folder, _, arguments = made
    with pytest.raises(StorageError, match="exists already"):
        run(*arguments)
    result = run(*arguments, "--resume")
    assert result.exit_code == 0
    assert f"{folder} was finished already" in result.stderr
    with pytest.raises(InvalidInput, match="was begun with seed 0, not 5"):
        run(*arguments, "--resume", "--seed", 5)


def test_manifests_that_cannot_be_used(pictures, tmp_path):
    (tmp_path / "m.csv").write_text("image,level\na.png,1\n")
    with pytest.raises(ManifestError, match="neither pristine pictures"):
        run("--data", tmp_path / "m.csv", "--output", tmp_path / "out")
    with pytest.raises(ManifestError, match="no such file"):
        run("--data", tmp_path / "gone.csv", "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--data", "m.csv"],
        ["--data", "m.csv", "--output", "out", "--size", "512"],
        ["--data", "m.csv", "--output", "out", "--size", "0x5"],
        ["--data", "m.csv", "--output", "out", "--draw", "two"],
        ["--data", "m.csv", "--output", "out", "--workers", "0"],
        ["--data", "m.csv", "--output", "out", "--seed", "-1"],
        ["--data", "m.csv", "--output", "out", "--address", "auto"],
    ],
)
def test_wrong_usage(arguments):
    assert run(*arguments).exit_code == 2


@pytest.fixture
def clock(monkeypatch):
    """A time that stands still until it is set: a list of one number."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_lines_of_progress(clock, capsys):
    progress = LongProgress(is_terminal=False)
    progress.finished(1000, 10_000)  # by an earlier run
    clock[0] += 20  # processes start
    for _ in range(100):
        clock[0] += 0.5
        progress.under_way(int(clock[0] - 119.5) * 10)
    progress.finished(1500, 10_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "1,100 of 10,000 pictures gone through (11.0%), 9.5 a second, 0:15:39 left"
    assert len(lines) == 2
    progress.under_way(0)
    clock[0] = 120.5 + 899
    progress.finished(10_000, 10_000)
    assert capsys.readouterr().err.splitlines()[-1] == "10,000 of 10,000 pictures gone through (100.0%), 10.0 a second"


def test_progress_never_goes_back(clock, capsys):
    progress = LongProgress(is_terminal=False)
    progress.finished(0, 100)
    progress.under_way(50)
    clock[0] += 31
    progress.under_way(0)  # a process died
    assert capsys.readouterr().err.startswith("50 of 100 pictures")


def test_a_bar_on_a_terminal(capsys):
    progress = LongProgress(is_terminal=True)
    progress.finished(0, 10)
    progress.under_way(5)
    progress.finished(10, 10)
    assert "picture/s" in capsys.readouterr().err


def test_nothing_left_to_do_is_not_told(capsys):
    LongProgress(is_terminal=False).finished(10, 10)
    assert capsys.readouterr().err == ""
