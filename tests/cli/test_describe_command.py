"""`tfiqa data describe` and `tfiqa data sample`."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from tfiqa.cli.data.describe import describe
from tfiqa.cli.data.sample import sample
from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput
from tfiqa.images.statistics import STATISTICS


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Forty noisy pictures of rising brightness, a manifest `photos.csv` of them, and a folder of ten bright ones."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "bright").mkdir()
    rng = np.random.default_rng(0)
    rows = ["image;score;group;scale_low;scale_high;scale_direction;scale_unit"]
    for place in range(40):
        picture = rng.integers(0, 20 + 5 * place, (16 + place, 24, 3), np.uint8)
        Image.fromarray(picture).save(folder / f"{place:02}.png")
        rows.append(f"{place:02}.png;{place};{place // 2:03};0;100;higher;test MOS")
        if place >= 30:
            Image.fromarray(picture).save(folder / "bright" / f"{place}.png")
    (folder / "photos.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def run(monkeypatch, photos):
    """Runs a command; returns click's result. Errors of ours are raised, as the console script expects them."""
    monkeypatch.chdir(photos)

    def call(command, *arguments):
        result = CliRunner().invoke(command, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def test_summary_on_standard_output(run):
    result = run(describe, "photos.csv")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == "photos.csv: 40 pictures, 0 bad; score: test MOS 0 to 100, higher is better"
    assert lines[1].split() == ["min", "5", "%", "median", "95", "%", "max", "mean", "std"]
    assert [line.split()[0] for line in lines[2:11]] == [*STATISTICS, "score"]
    assert lines[8].split() == ["height", "16", "17.95", "35.5", "53.05", "55", "35.5", "11.54"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_table_is_a_manifest_that_is_used_as_it_is(run, tmp_path, photos, ending):
    table = tmp_path / f"table.{ending}"
    first = run(describe, "photos.csv", "--output", table)
    described = read_manifest(table)
    assert described.table.columns.tolist() == ["image", "score", "group", *STATISTICS, "error"]
    assert described.table["group"].tolist()[:3] == ["000", "000", "001"]
    assert described.picture_paths()[0] == photos / "00.png"
    assert described.table["width"].tolist() == [24] * 40
    second = run(describe, table)
    assert second.stdout.splitlines()[1:] == first.stdout.splitlines()[1:]


def test_a_reference_is_described_too_and_compared(run, tmp_path):
    result = run(
        describe, "photos.csv", "--reference", "bright", "--reference", "photos.csv", "--plot", tmp_path / "a.svg"
    )
    assert result.exit_code == 0
    blocks = result.stdout.split("\n\n")
    assert blocks[1].startswith("bright: 10 pictures, 0 bad\n")
    rows = {line.split()[0]: line.split() for line in blocks[1].splitlines()[2:]}
    assert rows["absolute_brightness"][-1] == "0.75"  # three quarters are darker than any of the bright ones
    assert rows["width"][-1] == "0"
    assert "score" not in rows


def test_pictures_that_fail_are_rows_and_status_3(run, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    Image.new("RGB", (8, 8), (10, 20, 30)).save(tmp_path / "good.png")
    table, plot = tmp_path / "table.csv", tmp_path / "plot.png"
    result = run(describe, tmp_path, "--output", table, "--plot", plot)
    assert result.exit_code == 3
    assert result.stdout.startswith(f"{tmp_path}: 2 pictures, 1 bad\n")
    assert result.stderr.startswith(f"bad: {tmp_path / 'broken.jpg'}: ")
    rows = read_manifest(table).table.set_index("image")
    assert rows.loc["good.png", "absolute_brightness"] == 60
    assert rows.loc["broken.jpg", list(STATISTICS)].isna().all()
    assert rows.loc["broken.jpg", "error"] == result.stderr.removeprefix("bad: ").strip()
    assert Image.open(plot).size[0] > 1000


def test_nothing_that_can_be_measured(run, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    result = run(describe, tmp_path)
    assert (result.exit_code, result.stdout) == (3, f"{tmp_path}: 1 pictures, 1 bad\n")
    with pytest.raises(InvalidInput, match="nothing to draw, since no picture could be measured"):
        run(describe, tmp_path, "--plot", tmp_path / "plot.png")
    assert not (tmp_path / "plot.png").exists()


def test_plots_do_not_touch_matplotlib_for_others(photos, tmp_path):
    """Neither pyplot nor a backend is loaded, which would fail or open windows in somebody else's program."""
    code = (
        "import sys\nfrom tfiqa.cli.data.describe import describe\n"
        f"describe([{str(photos / 'photos.csv')!r}, '--plot', {str(tmp_path / 'plot.pdf')!r}], standalone_mode=False)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\nassert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert (tmp_path / "plot.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("command", "arguments", "text"),
    [
        (describe, [], "Missing argument"),
        (describe, ["photos.csv", "--output", "table.xlsx"], "table.xlsx does not end in .csv or .parquet"),
        (describe, ["photos.csv", "--plot", "plot.jpg"], "plot.jpg does not end in .png or .svg or .pdf"),
        (sample, ["photos.csv", "--count", 5, "--output", "out.csv"], "give either --like TARGET or --uniform"),
        (sample, ["photos.csv", "--count", 0, "--uniform", "--output", "out.csv"], "0 is not in the range x>=1"),
    ],
)
def test_wrong_usage_is_status_2(run, command, arguments, text):
    result = run(command, *arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_sample_like_a_folder(run, tmp_path):
    out = tmp_path / "sampled.csv"
    features = "absolute_brightness,rms_contrast,pixel_count"
    result = run(sample, "photos.csv", "--like", "bright", "--count", 10, "--features", features, "--output", out)
    assert result.exit_code == 0
    chosen = read_manifest(out)
    assert chosen.table.columns.tolist() == ["image", "score", "group"]  # as in the manifest
    assert chosen.table["score"].tolist() == list(range(30, 40))  # the pictures that are in the folder too
    assert str(chosen.scale) == "test MOS 0 to 100, higher is better"
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["sample", "random"]
    assert [row[0] for row in rows[1:]] == features.split(",")
    assert all(float(row[1]) == 0 < float(row[2]) for row in rows[1:])
    assert result.stderr == f"{out}: 10 of 40 pictures; misplaced over all features: 0 (no sample has fewer)\n"


def test_a_flat_sample_of_a_described_table(run, tmp_path):
    table, out = tmp_path / "table.csv", tmp_path / "sampled.parquet"
    run(describe, "photos.csv", "--output", table)
    arguments = [table, "--uniform", "--count", 8, "--features", "score", "--bins", 4, "--output", out]
    assert run(sample, *arguments).exit_code == 0
    assert np.histogram(pd.read_parquet(out)["score"], 4, (0, 39))[0].tolist() == [2, 2, 2, 2]
    first = out.read_bytes()
    run(sample, *arguments)
    assert out.read_bytes() == first
    run(sample, *arguments, "--seed", 2)
    assert out.read_bytes() != first


def test_a_sample_leaves_out_what_cannot_be_measured(run, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    Image.new("RGB", (8, 8)).save(tmp_path / "good.png")
    (tmp_path / "two.csv").write_text("image\nbroken.jpg\ngood.png\n")
    out = tmp_path / "out.csv"
    result = run(sample, tmp_path / "two.csv", "--uniform", "--count", 1, "--output", out)
    assert result.exit_code == 3
    assert f"bad: {tmp_path / 'broken.jpg'}: " in result.stderr
    assert read_manifest(out).table["image"].tolist() == ["good.png"]
    with pytest.raises(InvalidInput, match="cannot choose 2 of 1 pictures"):
        run(sample, tmp_path / "two.csv", "--uniform", "--count", 2, "--output", out)


def test_a_target_without_the_feature_is_told(run, tmp_path):
    with pytest.raises(InvalidInput, match="unknown feature 'score'"):
        run(
            sample,
            "photos.csv",
            "--like",
            "bright",
            "--count",
            5,
            "--features",
            "score",
            "--output",
            tmp_path / "o.csv",
        )
