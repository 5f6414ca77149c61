"""`tfiqa measure` and `tfiqa list measures` as a user types them."""

import csv
import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter
from scenes import scene

from tfiqa.cli.list_names import list_names
from tfiqa.cli.measure import measure
from tfiqa.errors import InvalidInput, UnknownName

MEASURES = ["--measure", "gmsd", "--measure", "psnr"]


def run(*arguments):
    """The result of a command line; what it raises is for the caller, as in `main`."""
    return CliRunner().invoke(measure, [str(argument) for argument in arguments], catch_exceptions=False)


def rows(text):
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two references, three blurred versions of each, and a picture without a reference."""
    root = tmp_path_factory.mktemp("pairs")
    (root / "references").mkdir()
    (root / "distorted").mkdir()
    for place, name in enumerate(("I01", "I02")):
        picture = Image.fromarray(scene(place))
        picture.save(root / "references" / f"{name}.BMP")
        for level in (1, 2, 3):
            picture.filter(ImageFilter.GaussianBlur(level)).save(root / "distorted" / f"{name.lower()}_08_{level}.png")
    picture.save(root / "distorted" / "other.png")
    return root


def test_two_files(folders):
    result = run(folders / "references/I01.BMP", folders / "distorted/i01_08_1.png", *MEASURES)
    assert result.exit_code == 0
    assert "1 of 1 pairs measured" in result.stderr
    (row,) = rows(result.stdout)
    assert list(row) == ["reference", "distorted", "gmsd", "psnr", "error"]
    assert row["distorted"] == str(folders / "distorted/i01_08_1.png")
    assert 0 < float(row["gmsd"]) < 0.3
    assert 10 < float(row["psnr"]) < 40


def test_two_folders(folders, tmp_path):
    output = tmp_path / "new" / "m.csv"
    result = run(folders / "references", folders / "distorted", *MEASURES, "--output", output, "--workers", 2)
    assert result.exit_code == 3
    assert "6 of 7 pairs measured" in result.stderr
    table = rows(output.read_text())
    assert [row["reference"][-7:] for row in table] == ["I01.BMP"] * 3 + ["I02.BMP"] * 3 + [""]
    assert "no reference has a fitting name" in table[6]["error"]
    assert table[6]["gmsd"] == ""
    for first in (0, 3):
        worse = [float(row["gmsd"]) for row in table[first : first + 3]]
        assert worse == sorted(worse)


def test_a_pattern(folders):
    result = run(folders / "references", folders / "distorted", *MEASURES, "--pattern", "{reference}_08_[23]")
    assert sum(not row["error"] for row in rows(result.stdout)) == 4


def test_a_table_to_json_lines(folders, tmp_path):
    """Paths from the table's folder, rows in its order, its other columns kept, faults as rows."""
    (folders / "p.csv").write_text(
        "distorted,reference,mos\n"
        "distorted/i02_08_3.png,references/I02.BMP,1.50\n"
        "distorted/none.png,references/I02.BMP,2\n"
        "references/I01.BMP,references/I01.BMP,3\n"
    )
    output = tmp_path / "m.jsonl"
    result = run("--pairs", folders / "p.csv", *MEASURES, "--output", output)
    assert result.exit_code == 3
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert list(found[0]) == ["reference", "distorted", "mos", "gmsd", "psnr", "error"]
    assert [row["mos"] for row in found] == ["1.50", "2", "3"]
    assert found[0]["distorted"] == "distorted/i02_08_3.png"
    assert found[0]["error"] is None
    assert "none.png: does not exist" in found[1]["error"]
    assert found[1]["gmsd"] is None
    assert found[2]["gmsd"] == pytest.approx(0, abs=1e-6)
    assert found[2]["psnr"] == "inf"


@pytest.mark.parametrize("arguments", [[], ["--measure", "all", "--measure", "gmsd"]])
def test_all_eleven_are_the_default(folders, monkeypatch, arguments):
    from tfiqa.pipelines import measuring

    half = SimpleNamespace(numpy=lambda: [0.5])
    monkeypatch.setattr(measuring, "evaluate_all", lambda names, *_: dict.fromkeys(names, half))
    result = run(folders / "references/I01.BMP", folders / "distorted/i01_08_1.png", *arguments)
    (row,) = rows(result.stdout)
    assert list(row)[2:-1] == "ssim ms_ssim iw_ssim mdsi vsi fsimc gmsd sff scqi add_gsim sr_sim".split()
    assert result.exit_code == 3
    too_few = "128x96 pixels are too few for ms_ssim (sides of at least 176), iw_ssim (sides of at least 176)"
    assert row["error"].endswith(too_few)
    assert [name for name in list(row)[2:-1] if row[name] != "0.5"] == ["ms_ssim", "iw_ssim"]


def test_an_output_appears_whole_or_not_at_all(folders, tmp_path):
    with pytest.raises(UnknownName, match=r"did you mean .*'gmsd'"):
        run(folders / "references", folders / "distorted", "--measure", "gmds", "--output", tmp_path / "m.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_column_in_the_way(folders):
    (folders / "q.csv").write_text("reference,distorted,gmsd\na.png,b.png,1\n")
    with pytest.raises(InvalidInput, match="column 'gmsd' is one that the output gets"):
        run("--pairs", folders / "q.csv", "--measure", "gmsd")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.png"],
        ["a.png", "b.png", "--pairs", "p.csv"],
        ["--pairs", "p.csv", "--pattern", "{reference}_*"],
        ["a.png", "b.png", "--format", "xml"],
    ],
)
def test_wrong_usage(arguments):
    assert run(*arguments).exit_code == 2


def test_list_measures():
    lines = CliRunner().invoke(list_names, ["measures"], catch_exceptions=False).stdout.splitlines()
    assert lines[0].split("  ")[0] == "name"
    (gmsd,) = [line for line in lines if line.startswith("gmsd ")]
    assert "0 to unbounded" in gmsd
    assert "lower" in gmsd
    assert gmsd.endswith("the authors' code")
