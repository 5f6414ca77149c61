"""`tfiqa distort` and `tfiqa list distortions`."""

import io

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from scenes import scene

from tfiqa import distortions
from tfiqa.cli.distort import distort
from tfiqa.cli.list_names import list_names
from tfiqa.errors import InvalidInput, UnknownName


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    Image.fromarray(scene(0, 40, 56)).save(tmp_path / "photos" / "a.png")
    Image.fromarray(scene(1, 40, 56)).save(tmp_path / "photos" / "inner" / "b.png")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(distort, [str(each) for each in arguments], catch_exceptions=False)


def pixels(path):
    return np.asarray(Image.open(path))


def test_folder_gets_kadids_names_and_a_table_that_measure_takes(folder):
    out = folder / "out"
    done = run(folder / "photos", "--output", out, "--type", "jitter", "--type", "jpeg", "--level", "4", "--seed", "3")
    assert done.exit_code == 0
    table = pd.read_csv(out / "distorted.csv")
    assert table["image"].tolist() == ["a_19_04.png", "a_10_04.png", "inner/b_19_04.png", "inner/b_10_04.png"]
    assert table["error"].isna().all()
    assert set(table["level"]) == {4}
    for row in table.itertuples():
        source = pixels(out / row.reference)
        assert np.array_equal(pixels(out / row.image), distortions.apply(row.distortion, source, 4, seed=3))


def test_all_types_and_levels_by_default(folder):
    assert run(folder / "photos" / "a.png", "--output", folder / "out").exit_code == 0
    assert len(list((folder / "out").glob("a_??_0?.png"))) == 125


def test_no_stretch(folder):
    run(folder / "photos/a.png", "--output", folder / "out", "--type", "darken", "--level", "1", "--no-stretch")
    expected = distortions.apply("darken", pixels(folder / "photos/a.png"), 1, stretch=False)
    assert np.array_equal(pixels(folder / "out/a_17_01.png"), expected)


def test_bad_pictures_are_rows_with_their_error(folder):
    (folder / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    Image.fromarray(scene(0, 20, 20)).save(folder / "photos" / "small.png")
    done = run(folder / "photos", "--output", folder / "out", "--type", "jpeg", "--level", "1")
    assert done.exit_code == 3
    table = pd.read_csv(folder / "out" / "distorted.csv").set_index("image")
    assert "32 pixels" in table.loc["small_10_01.png", "error"]
    assert isinstance(table.loc["broken_10_01.png", "error"], str)
    assert not (folder / "out" / "small_10_01.png").exists()
    assert (folder / "out" / "a_10_01.png").exists()


def test_table_goes_through_measure_with_its_errors(folder):
    from tfiqa.cli.measure import measure

    (folder / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    run(folder / "photos", "--output", folder / "out", "--type", "white_noise", "--level", "5")
    pairs = ["--pairs", str(folder / "out" / "distorted.csv"), "--measure", "psnr"]
    done = CliRunner().invoke(measure, pairs, catch_exceptions=False)
    rows = pd.read_csv(io.StringIO(done.stdout)).set_index("distorted")
    assert done.exit_code == 3
    assert 15 < rows.loc["a_11_05.png", "psnr"] < 25
    assert "broken.jpg" in rows.loc["broken_11_05.png", "error"]


def test_pictures_that_are_read_are_never_overwritten(folder):
    photos = folder / "photos"
    Image.fromarray(scene(2, 40, 40)).save(photos / "a_10_01.png")
    before = (photos / "a_10_01.png").read_bytes()
    with pytest.raises(InvalidInput, match="overwritten"):
        run(photos, "--output", photos, "--type", "jpeg", "--level", "1")
    with pytest.raises(InvalidInput, match="overwritten"):
        run(photos / "a_10_01.png", "--sheet", photos / "a_10_01.png")
    assert (photos / "a_10_01.png").read_bytes() == before
    assert not (photos / "inner" / "b_10_01.png").exists()


def test_a_name_too_long_for_the_disk_is_a_row(folder):
    Image.fromarray(scene(0, 40, 40)).save(folder / "photos" / f"{'n' * 240}.png")
    done = run(folder / "photos", "--output", folder / "out", "--type", "jpeg", "--level", "1")
    assert done.exit_code == 3
    assert pd.read_csv(folder / "out" / "distorted.csv")["error"].notna().sum() == 1


def test_two_pictures_of_one_name_are_refused(folder):
    Image.fromarray(scene(0, 40, 40)).save(folder / "photos" / "a.bmp")
    with pytest.raises(InvalidInput, match="one name"):
        run(folder / "photos", "--output", folder / "out", "--type", "jpeg")


def test_sheet_shows_every_version(folder):
    sheet = folder / "page.png"
    names = ["mean_shift", "pixelate"]
    done = run(folder / "photos/a.png", "--sheet", sheet, *(part for name in names for part in ("--type", name)))
    assert done.exit_code == 0
    page = pixels(sheet)
    source = pixels(folder / "photos/a.png")
    for row, name in enumerate(names):
        for level in range(1, 6):
            top, left = 30 + row * 44, 250 + (level - 1) * 60
            assert np.array_equal(page[top : top + 40, left : left + 56], distortions.apply(name, source, level))


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [(("--type", "jpg"), UnknownName, "jpeg"), (("--sheet", "page.png"), InvalidInput, "one picture")],
)
def test_what_cannot_be_done_is_one_line(folder, arguments, error, text):
    with pytest.raises(error, match=text):
        run(folder / "photos", "--output", folder / "out", *arguments)


def test_wrong_usage(folder):
    assert run(folder / "photos").exit_code == 2
    assert run(folder / "photos", "--output", folder / "out", "--level", "6").exit_code == 2
    assert run(folder / "photos/a.png", "--sheet", folder / "page.txt").exit_code == 2


def test_list_shows_the_level_table():
    lines = CliRunner().invoke(list_names, ["distortions"]).output.splitlines()
    assert len(lines) == 26
    assert lines[10].split()[:7] == ["10", "jpeg", "43", "36", "24", "7", "4"]
