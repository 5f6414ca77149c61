"""`tfiqa map` as a user types it."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from map_models import box_model, picture_model, squares
from PIL import Image

from tfiqa.cli.quality_map import quality_map
from tfiqa.errors import CheckpointError, InvalidInput, MissingPicture, StorageError
from tfiqa.reports import map_gallery, maps
from tfiqa.score_scale import ScoreScale

BRIGHT = np.arange(80, 89).reshape(3, 3)
DARK = BRIGHT - 40
LOCAL = [84, 85, 85, 87, 88, 88, 87, 88, 88]  # of BRIGHT; each block also has the cells right of it and below


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    box_model().save(folder / "boxes.keras")
    picture_model(scale=ScoreScale(0, 255, False, "darkness")).save(folder / "plain.keras")
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with pictures, one of them broken, and a folder of small ones."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "more").mkdir(parents=True)
    Image.fromarray(squares(BRIGHT)).convert("L").save("photos/bright & grey.png")
    Image.fromarray(squares(DARK)).convert("CMYK").save("photos/more/dark.tif")
    Image.fromarray(squares(BRIGHT)[:16, :16]).save("photos/tiny.png")
    Path("photos/broken.jpg").write_text("text")
    return tmp_path


def run(*arguments):
    done = CliRunner().invoke(quality_map, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_picture(here, models):
    done = run(
        *("photos/bright & grey.png", "--model", models / "boxes.keras", "--output", "out/map.png"),
        *("--grid", "3", "--local", "local.csv"),
    )
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "out/map.png: quality 88, normalised 98.2: Excellent; worst block 84" in done.stderr
    assert Image.open("out/map.png").width > 800
    table = rows("local.csv")
    assert [(row["row"], row["column"]) for row in table][2:4] == [("0", "2"), ("1", "0")]
    assert [float(row["quality"]) for row in table] == LOCAL
    assert [table[1][edge] for edge in ("left", "top", "right", "bottom")] == ["32", "0", "64", "32"]


def test_local_scores_for_numpy_and_a_model_without_boxes(here, models):
    done = run(
        *("photos/bright & grey.png", "--model", models / "plain.keras", "--output", "map.PNG"),
        *("--local", "local.NPY", "--grid", "3x4", "--low", 0, "--high", 100, "--worst", 0, "--alpha", 0.5),
    )
    assert done.exit_code == 0
    assert "normalised" not in done.stderr  # nothing of FLIVE's
    np.testing.assert_allclose(np.load("local.NPY"), np.full((3, 4), 84))


def test_a_folder(here, models):
    done = run("photos", "--model", models / "boxes.keras", "--output", "out", "--grid", "3x3")
    assert done.exit_code == 3
    table = rows("out/maps.csv")
    assert [row["image"] for row in table] == [
        f"photos/{name}" for name in ("bright & grey.png", "broken.jpg", "more/dark.tif", "tiny.png")
    ]
    bright, broken, dark, tiny = table
    assert "is no picture" in broken.pop("error")
    assert set(broken.values()) == {"photos/broken.jpg", ""}
    assert (float(dark["quality"]), dark["category"]) == (48, "Bad")
    assert float(dark["worst_quality"]) == 44
    assert [float(dark[f"worst_{edge}"]) for edge in ("left", "top", "right", "bottom")] == [0, 0, 32, 32]
    assert float(tiny["quality"]) == 80
    assert np.load(f"out/{dark['local']}").ravel().tolist() == [value - 40 for value in LOCAL]
    assert Path("out", bright["figure"]).name == "1_bright & grey.png"
    assert Image.open(Path("out", bright["figure"])).format == "PNG"
    page = Path("out/index.html").read_text()
    assert page.index("more/dark.tif</h2>") < page.index("tiny.png</h2>") < page.index("bright &amp; grey.png</h2>")
    assert 'href="maps/1_bright%20%26%20grey.png"' in page
    assert page.count("data:image/jpeg") == 3
    assert "Without a map: 1" in page
    assert "no map: photos/broken.jpg" in done.stderr
    assert "out/index.html: 3 of 4 pictures" in done.stderr


def test_where_low_is_good_the_highest_are_the_worst(here, models, monkeypatch):
    monkeypatch.setattr(maps, "MOST_SHOWN", 1)
    arguments = ("photos/more", "photos/bright*", "--model", models / "plain.keras", "--output", "out")
    assert run(*arguments).exit_code == 0
    page = Path("out/index.html").read_text()
    assert "The worst 1 of 2 pictures" in page
    assert "bright &amp; grey.png</h2>" in page
    assert "dark.tif" not in page
    assert rows("out/maps.csv")[0]["category"] == ""
    with pytest.raises(StorageError, match="out exists already"):
        run(*arguments)


def test_nothing_is_left_of_a_run_that_fails(here, models, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(StorageError, match="cannot write out: No space left on device"):
        run("photos/tiny.png", "--model", models / "boxes.keras", "--output", "out")
    assert sorted(path.name for path in here.iterdir()) == ["photos"]


def test_names_that_are_not_utf8(here):
    row = {**dict.fromkeys(maps.COLUMNS), "image": "a\udce9.png", "figure": "maps/1_a\udce9.png", "quality": 1.0}
    row.update({f"worst_{name}": 1.0 for name in ("quality", "left", "top", "right", "bottom")})
    page = map_gallery.gallery_html("t", ScoreScale(0, 1, True, "x"), [map_gallery.Shown(row, b"")], [row])
    assert "a\ufffd.png</h2>" in page
    assert 'href="maps/1_a%E9.png"' in page
    assert page.encode()
    maps._write_table(here / "t.csv", [row])
    assert b"a\xe9.png" in (here / "t.csv").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ("photos", "--output", "out.png"),
        ("photos/tiny.png", "--output", "out", "--local", "l.csv"),
        ("photos/tiny.png", "--output", "out.png", "--local", "l.txt"),
        ("photos", "--output", "photos/out"),
        ("photos/tiny.png", "--output", "out.png", "--low", 2, "--high", 2),
        ("photos/tiny.png", "--output", "out.png", "--alpha", 1.1),
    ],
)
def test_wrong_usage(arguments, here):
    assert run(*arguments, "--model", "m.keras").exit_code == 2


def test_errors_before_a_map(here, models):
    boxes = models / "boxes.keras"
    with pytest.raises(InvalidInput, match="a grid is '20'"):
        run("photos", "--model", boxes, "--output", "out", "--grid", "0")
    with pytest.raises(InvalidInput, match="model not found"):
        run("photos", "--model", "none", "--output", "out")
    with pytest.raises(CheckpointError, match="is no model"):
        run("photos", "--model", "photos/tiny.png", "--output", "out")
    with pytest.raises(MissingPicture):
        run("none.png", "--model", boxes, "--output", "out.png")
    assert sorted(path.name for path in here.iterdir()) == ["photos"]
