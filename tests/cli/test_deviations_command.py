"""`tfiqa data deviations` as a user types it."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tfiqa.cli.data.deviations import deviations
from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest, read_manifest, write_manifest
from tfiqa.databases.opinion_deviations import sos_deviations
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
from tfiqa.pipelines.records.writer import pack_records
from tfiqa.score_scale import ScoreScale

SCALE = "scale_low,scale_high,scale_direction"


def run(*arguments):
    return CliRunner().invoke(deviations, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with `like.csv`, a study with a = 0.2 on 0..100, and `m.csv` on 1..5 without deviations."""
    monkeypatch.chdir(tmp_path)
    scores = np.linspace(0, 100, 21)
    table = pd.DataFrame({"image": [f"{n}.png" for n in range(21)], "score": scores})
    table["score_std"] = sos_deviations(scores, 0.2, 0, 100)
    write_manifest(Manifest(table, None, ScoreScale(0.0, 100.0, False, "DMOS")), "like.csv")
    (tmp_path / "m.csv").write_text(f"image,score,{SCALE}\na.png,3,1,5,higher\nb.png,5,1,5,higher\n")
    return tmp_path


def test_a_given_parameter(here):
    result = run("m.csv", "--sos", 0.25, "--output", "out.csv")
    assert result.exit_code == 0
    assert "score_std of 2 of 2 pictures is estimated, not measured (a = 0.25)" in result.stderr
    found = read_manifest("out.csv")
    assert found.table["score_std"].tolist() == [1, 0]
    assert found.table["score_std_source"].tolist() == ["estimated by the SOS hypothesis, a = 0.25"] * 2


def test_a_fitted_parameter(here):
    result = run("m.csv", "--like", "like.csv", "--output", "out.csv")
    assert "0.2000        21" in result.stdout
    assert read_manifest("out.csv").table["score_std"][0] == pytest.approx(np.sqrt(0.8))


def test_fitting_alone(here):
    run("m.csv", "--sos", 0.2, "--output", "out.csv")
    result = run("--like", "like.csv", "--like", "like.csv")
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("all of them")
    with pytest.raises(ManifestError, match="no measured deviations"):
        run("--like", "out.csv")


def test_a_scale_without_bounds_needs_a_range(here):
    (here / "m.csv").write_text("image,score\na.png,5\n")
    with pytest.raises(InvalidInput, match="give --range LOW HIGH"):
        run("m.csv", "--sos", 0.2, "--output", "out.csv")
    assert run("m.csv", "--sos", 0.04, "--range", 0, 10, "--output", "out.csv").exit_code == 0
    assert read_manifest("out.csv").table["score_std"].tolist() == [1]


def test_weak_labels_as_scores(here):
    (here / "w.csv").write_text("image,vsi,loss\na.png,0.9,3\nb.png,0.8,1\n")
    assert run("w.csv", "--score-column", "vsi", "--sos", 0.2, "--output", "v.csv").exit_code == 0
    found = read_manifest("v.csv")
    assert found.table["score"].tolist() == [0.9, 0.8]
    assert (found.scale.low, found.scale.high, found.scale.higher_is_better) == (0, 1, True)
    run("w.csv", "--score-column", "loss", "--lower-is-better", "--equalize", "--sos", 0.2, "--output", "l.csv")
    assert read_manifest("l.csv").table["score"].is_monotonic_increasing
    assert run("w.csv", "--score-column", "vsi", "--lower-is-better", "--sos", 0.2, "--output", "x.csv").exit_code == 2


def test_a_packed_folder(photo_folder, here):
    table = read_manifest(photo_folder / "photos.csv").table
    table = table.drop(columns="score").assign(vsi=np.linspace(0.5, 1, len(table)))
    pack_records(Manifest(table, photo_folder / "photos.csv", UNKNOWN_SCALE), "packed")
    options = ("--score-column", "vsi", "--equalize", "--like", "like.csv")
    assert run("packed", *options, "--output", "scored").exit_code == 0
    found = read_labelled_pictures(here / "scored", required=("image", "score", "score_std"))
    assert found.manifest.scale == ScoreScale(0.0, 1.0, True, "vsi, equalised")
    assert found.manifest.table["score"].is_monotonic_increasing
    assert found.manifest.table["score_std_source"].str.startswith("estimated").all()
    assert found.sources[0].read()


@pytest.mark.parametrize(
    "arguments",
    [
        ("m.csv", "--output", "o.csv"),
        ("m.csv", "--sos", 0.2, "--like", "like.csv", "--output", "o.csv"),
        ("m.csv", "--sos", 0.2),
        ("--sos", 0.2),
        ("m.csv", "--sos", 0.2, "--equalize", "--output", "o.csv"),
        ("m.csv", "--sos", 2, "--output", "o.csv"),
        ("m.csv", "--sos", 0.2, "--score-column", "x", "--equalize", "--range", 0, 2, "--output", "o.csv"),
    ],
)
def test_wrong_usage(arguments, here):
    assert run(*arguments).exit_code == 2
